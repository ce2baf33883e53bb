# SPDX-License-Identifier: Apache-2.0
"""What a demonstration is told, and its two drives: bags, topics, and what is true."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from vpr_ros.drives.bag_reader import BagReader
from vpr_ros.drives.topics import POSE_TYPES, Topic, find_camera_topic
from vpr_ros.drives.tracks import Track
from vpr_ros.errors import ConfigError, DatasetError
from vpr_ros.evaluation.judge import Truth
from vpr_ros.simulation import write_drive

# Message type -> (the mapper's pose_type, the topic it listens to)
_POSE_INPUTS = {
    "nav_msgs/msg/Odometry": ("odometry", "odom"),
    "geometry_msgs/msg/PoseStamped": ("pose", "pose"),
    "geometry_msgs/msg/PoseWithCovarianceStamped": ("pose_with_covariance", "pose"),
}
_TRUTH_NAMES = ("ground_truth", "groundtruth")


@dataclass(frozen=True)
class Options:
    """What to drive and where to leave the results."""

    map_bag: Path | None  # None: the simulated drive
    query_bag: Path | None
    image_topic: str  # empty: found by type
    pose_topic: str
    truth_topic: str
    rate: float  # recorded seconds per real second
    out: Path  # folder of demo.png, demo.html and demo.json; everything else goes into its demo/

    def __post_init__(self) -> None:
        if (self.map_bag is None) != (self.query_bag is None):
            raise ConfigError("--map-bag and --query-bag belong together: give both or neither")
        if not 0.0 < self.rate <= 100.0:
            raise ConfigError(f"--rate {self.rate:g} must be above 0 and at most 100")

    @property
    def simulated(self) -> bool:
        """Whether the drive is rendered by the project itself."""
        return self.map_bag is None

    @property
    def scratch(self) -> Path:
        """Where the simulated drive, the map and the nodes' logs go."""
        return self.out / "demo"


def parse_options(arguments: Sequence[str] | None) -> Options:
    """The options; bad words end the process with exit code 2, impossible values by ConfigError."""
    parser = argparse.ArgumentParser(
        prog="demo", description="Learn a route from one drive and find yourself on it in another."
    )
    parser.add_argument("--map-bag", type=Path, help="rosbag2 of the drive that becomes the map")
    parser.add_argument("--query-bag", type=Path, help="rosbag2 of the drive that is localized")
    for kind in ("image", "pose", "truth"):
        help_text = f"{kind} topic of the bags, where it cannot be told by its type"
        parser.add_argument(f"--{kind}-topic", default="", help=help_text)
    parser.add_argument("--rate", type=float, default=1.0, help="replay speed, 1 = as recorded")
    parser.add_argument("--out", type=Path, default=Path("build"), help="folder for the results")
    return Options(**vars(parser.parse_args(arguments)))


@dataclass(frozen=True)
class Drive:
    """One bag and the topics of it that matter."""

    bag: Path
    image: Topic
    camera: Topic | None
    pose: Topic | None
    truth: Topic | None

    @property
    def replayed(self) -> list[str]:
        """The topics that a robot would have; never the truth."""
        return [topic.name for topic in (self.image, self.camera, self.pose) if topic]

    def parameters(self) -> dict[str, str]:
        """How a node has to be set up to hear this drive's images, all of them."""
        compressed = self.image.type.endswith("/CompressedImage")
        transport = "compressed" if compressed else "raw"
        return {"image_transport": transport, "reliability": "reliable"}

    def pose_parameters(self) -> dict[str, str]:
        """How the mapper has to be set up to hear this drive's poses."""
        return {"pose_type": _POSE_INPUTS[self.pose.type][0] if self.pose else "none"}

    def remappings(self) -> dict[str, str]:
        """From the topics of a node to those of the bag."""
        names = {"image": self.image.name}
        if self.camera:
            names["camera_info"] = self.camera.name
        if self.pose:
            names[_POSE_INPUTS[self.pose.type][1]] = self.pose.name
        return names


def choose_drives(options: Options, progress: Callable[[int, int], None]) -> tuple[Drive, Drive]:
    """The drive to learn and the drive to localize, rendered first if they are to be simulated.

    Args:
        options: Name the bags, or none.
        progress: Told of the rendering, (frames done, frames in all).

    Raises:
        DatasetError: a bag cannot be read, or a topic cannot be told.
    """
    if options.map_bag is not None and options.query_bag is not None:
        bags = options.map_bag, options.query_bag
    else:
        simulated = write_drive(options.scratch / "drive", progress=progress)
        bags = simulated.map_bag, simulated.query_bag
    return _drive(bags[0], options), _drive(bags[1], options)


def read_truth(map_drive: Drive, query_drive: Drive) -> Truth | None:
    """The true trajectories, None where a bag holds none; DatasetError if a bag is damaged."""
    if map_drive.truth is None or query_drive.truth is None:
        return None
    map_track = _track(map_drive, map_drive.truth)
    return Truth(map_track, _track(query_drive, query_drive.truth))


def _track(drive: Drive, topic: Topic) -> Track:
    with BagReader(drive.bag) as reader:
        return reader.trajectory(topic.name)


def _drive(bag: Path, options: Options) -> Drive:
    with BagReader(bag) as reader:
        image = reader.image_topic(options.image_topic)
        camera = find_camera_topic(reader.topics, image.name)
        pose = reader.pose_topic(options.pose_topic)
        truth = _truth_topic(reader.topics, options.truth_topic)
    return Drive(bag, image, camera, pose, truth)


def _truth_topic(topics: dict[str, Topic], name: str) -> Topic | None:
    poses = [topic for topic in topics.values() if topic.type in POSE_TYPES and topic.count]
    if name:
        found = [topic for topic in poses if topic.name == "/" + name.lstrip("/")]
        if not found:
            raise DatasetError(
                f"no true poses on {name}: choose one of --truth-topic "
                f"{', '.join(topic.name for topic in poses) or '(no pose topics)'}"
            )
        return found[0]
    found = [topic for topic in poses if any(word in topic.name for word in _TRUTH_NAMES)]
    return found[0] if found else None
