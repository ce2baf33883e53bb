# SPDX-License-Identifier: Apache-2.0
"""The simulated drive as two bags: one to make a map from, one to recognize places in.

A drive is a folder:

    drive.json    the numbers it was made with; written last
    map/          rosbag2 of lap one
    query/        rosbag2 of lap two
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from vpr_ros.drives.bag_writer import BagWriter, new_bag
from vpr_ros.errors import DatasetError
from vpr_ros.simulation.camera import Camera
from vpr_ros.simulation.geometry import FloatArray, Image
from vpr_ros.simulation.laps import SECOND_NS, DriveConfig, Film, Lap, map_lap, query_lap
from vpr_ros.simulation.plan import Trajectory, body_steps, dead_reckoning
from vpr_ros.simulation.street import build_town

FORMAT = 1  # counts up whenever the same numbers would give another drive
RECORD = "drive.json"
IMAGE_TOPIC = "/camera/image_raw/compressed"
INFO_TOPIC = "/camera/camera_info"
ODOMETRY_TOPIC = "/odom"
TRUTH_TOPIC = "/ground_truth/pose"
CAMERA_FRAME, ODOM_FRAME, BODY_FRAME, MAP_FRAME = "camera", "odom", "base_link", "map"
TOPICS = {
    IMAGE_TOPIC: "sensor_msgs/msg/CompressedImage",
    INFO_TOPIC: "sensor_msgs/msg/CameraInfo",
    ODOMETRY_TOPIC: "nav_msgs/msg/Odometry",
    TRUTH_TOPIC: "geometry_msgs/msg/PoseStamped",
}
Progress = Callable[[int, int], None]  # called with (frames written, frames in all)


@dataclass(frozen=True)
class DriveBags:
    """Where the two laps are."""

    map_bag: Path  # folder of lap one's rosbag2
    query_bag: Path  # folder of lap two's rosbag2


def write_drive(
    folder: Path, config: DriveConfig | None = None, progress: Progress | None = None
) -> DriveBags:
    """Render the drive into a folder, unless it is already there.

    The folder appears when the drive is complete, or not at all. Without numbers it is that of the
    demonstration; ``progress`` is told after every frame.

    Raises:
        DatasetError: The folder holds something that is not a simulated drive.
    """
    config = config or DriveConfig()
    if not is_complete(folder, config):
        _refuse_foreign(folder)
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as scratch:
            _render(Path(scratch) / "new", config, progress)
            _swap(Path(scratch), folder)
    return _bags(folder)


def is_complete(folder: Path, config: DriveConfig) -> bool:
    """Whether a folder holds the drive that these numbers give."""
    try:
        recorded = json.loads((folder / RECORD).read_text("utf-8"))
    except (OSError, ValueError):
        return False
    bags = _bags(folder)
    whole = all((bag / "metadata.yaml").is_file() for bag in (bags.map_bag, bags.query_bag))
    return whole and bool(recorded == _record(config))


def _record(config: DriveConfig) -> dict[str, object]:
    return {"format": FORMAT, "config": asdict(config)}


def _bags(folder: Path) -> DriveBags:
    return DriveBags(folder / "map", folder / "query")


def _refuse_foreign(folder: Path) -> None:
    """Protect what somebody else has put where the drive should go."""
    if folder.is_dir() and ((folder / RECORD).is_file() or not any(folder.iterdir())):
        return
    if folder.exists():
        raise DatasetError(
            f"{folder} is not a simulated drive and will not be replaced; "
            "remove it or name another folder"
        )


def _swap(scratch: Path, folder: Path) -> None:
    """Put the new drive in place; an older one goes away with the scratch folder."""
    if folder.exists():
        folder.rename(scratch / "old")
    (scratch / "new").rename(folder)


def _render(folder: Path, config: DriveConfig, progress: Progress | None) -> None:
    town, bags = build_town(config.plan, config.seed), _bags(folder)
    laps = [(map_lap(config), bags.map_bag), (query_lap(config), bags.query_bag)]
    total = sum(len(lap.trajectory(config)) for lap, _ in laps)
    done = 0
    for lap, bag in laps:
        for _ in _write_lap(bag, config, lap, Film(config, town, lap)):
            done += 1
            if progress is not None:
                progress(done, total)
    (folder / RECORD).write_text(json.dumps(_record(config), indent=2), "utf-8")


def _write_lap(bag: Path, config: DriveConfig, lap: Lap, film: Film) -> Iterator[None]:
    """Write a bag; yields after each frame."""
    truth = film.trajectory
    rng = np.random.default_rng([config.seed, 4, lap.index])
    odometry = dead_reckoning(truth, rng)
    motions = _motions(odometry)
    with new_bag(bag, TOPICS) as writer:
        recorder = BagRecorder(writer)
        for i, image in enumerate(film.frames()):
            stamp_ns = lap.start_ns + round(float(truth.stamps[i]) * SECOND_NS)
            recorder.image(stamp_ns, image, config.jpeg_quality)
            recorder.camera_info(stamp_ns, config.camera)
            recorder.odometry(stamp_ns, odometry, i, motions[i])
            recorder.ground_truth(stamp_ns, truth, i, config.camera_height)
            yield


def _motions(track: Trajectory) -> FloatArray:
    """[N, 3] speed ahead, left and turning (m/s, rad/s): that of the step to the next pose."""
    seconds = np.diff(track.stamps)
    steps = np.column_stack([body_steps(track), np.diff(track.headings)]) / seconds[:, None]
    return np.concatenate([steps, steps[-1:]])


class BagRecorder:
    """Turns images and poses into messages of an open bag."""

    def __init__(self, bag: BagWriter) -> None:
        self._make, self._write = bag.make, bag.write

    def image(self, stamp_ns: int, image: Image, quality: int) -> None:
        """Write an RGB image, JPEG-compressed."""
        bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
        _, jpeg = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
        header = self._header(stamp_ns, CAMERA_FRAME)
        self._write(IMAGE_TOPIC, stamp_ns, header=header, format="jpeg", data=jpeg.reshape(-1))

    def camera_info(self, stamp_ns: int, camera: Camera) -> None:
        """Write the intrinsics."""
        k = camera.matrix
        region = self._make(
            "sensor_msgs/msg/RegionOfInterest",
            x_offset=0, y_offset=0, height=0, width=0, do_rectify=False,
        )  # fmt: skip
        self._write(
            INFO_TOPIC, stamp_ns,
            header=self._header(stamp_ns, CAMERA_FRAME),
            height=camera.height, width=camera.width,
            distortion_model="plumb_bob", d=np.zeros(5), k=k.reshape(-1), r=np.eye(3).reshape(-1),
            p=np.hstack([k, np.zeros((3, 1))]).reshape(-1),
            binning_x=0, binning_y=0, roi=region,
        )  # fmt: skip

    def ground_truth(self, stamp_ns: int, track: Trajectory, index: int, z: float) -> None:
        """Write the true pose of base_link in the map frame, z meters up."""
        header = self._header(stamp_ns, MAP_FRAME)
        self._write(TRUTH_TOPIC, stamp_ns, header=header, pose=self._pose(track, index, z))

    def odometry(self, stamp_ns: int, track: Trajectory, index: int, motion: FloatArray) -> None:
        """Write what odometry reports; zero covariances say that it does not know its errors."""
        ahead, left, turning = motion.tolist()
        linear, angular = self._vector(ahead, left, 0.0), self._vector(0.0, 0.0, turning)
        twist = self._make("geometry_msgs/msg/Twist", linear=linear, angular=angular)
        self._write(
            ODOMETRY_TOPIC, stamp_ns,
            header=self._header(stamp_ns, ODOM_FRAME),
            child_frame_id=BODY_FRAME,
            pose=self._uncertain("Pose", pose=self._pose(track, index, 0.0)),
            twist=self._uncertain("Twist", twist=twist),
        )  # fmt: skip

    def _pose(self, track: Trajectory, index: int, z: float) -> Any:
        (x, y), half = track.positions[index].tolist(), float(track.headings[index]) / 2
        position = self._make("geometry_msgs/msg/Point", x=x, y=y, z=z)
        turn = self._make(
            "geometry_msgs/msg/Quaternion",
            x=0.0, y=0.0, z=float(np.sin(half)), w=float(np.cos(half)),
        )  # fmt: skip
        return self._make("geometry_msgs/msg/Pose", position=position, orientation=turn)

    def _vector(self, x: float, y: float, z: float) -> Any:
        return self._make("geometry_msgs/msg/Vector3", x=x, y=y, z=z)

    def _uncertain(self, kind: str, **fields: Any) -> Any:
        name = f"geometry_msgs/msg/{kind}WithCovariance"
        return self._make(name, covariance=np.zeros(36), **fields)

    def _header(self, stamp_ns: int, frame: str) -> Any:
        seconds, rest = divmod(stamp_ns, SECOND_NS)
        stamp = self._make("builtin_interfaces/msg/Time", sec=seconds, nanosec=rest)
        return self._make("std_msgs/msg/Header", stamp=stamp, frame_id=frame)
