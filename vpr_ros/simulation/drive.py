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

import numpy as np

from vpr_ros.drives.bag_writer import new_bag
from vpr_ros.errors import DatasetError
from vpr_ros.simulation.laps import DriveConfig, Film, Lap, map_lap, query_lap
from vpr_ros.simulation.plan import Trajectory, body_steps, dead_reckoning
from vpr_ros.simulation.recording import SECOND_NS, TOPICS, BagRecorder, Motion, PlanarPose
from vpr_ros.simulation.street import build_town

FORMAT = 1  # counts up whenever the same numbers would give another drive
RECORD = "drive.json"
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

    The folder appears when the drive is complete, or not at all.

    Args:
        folder: Where the bags shall be.
        config: The numbers; those of the demonstration if not given.
        progress: Told after every frame how far the work is.

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
            recorder.odometry(stamp_ns, _pose(odometry, i, 0.0), motions[i])
            recorder.ground_truth(stamp_ns, _pose(truth, i, config.camera_height))
            yield


def _motions(track: Trajectory) -> list[Motion]:
    """The speed at each pose: that of the step to the next one, and at the end of the last."""
    seconds = np.diff(track.stamps)
    steps = np.column_stack([body_steps(track), np.diff(track.headings)]) / seconds[:, None]
    return [Motion(*step) for step in [*steps.tolist(), steps[-1].tolist()]]


def _pose(track: Trajectory, index: int, z: float) -> PlanarPose:
    x, y = track.positions[index].tolist()
    return PlanarPose(x, y, z, float(track.headings[index]))
