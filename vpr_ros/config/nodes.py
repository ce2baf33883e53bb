# SPDX-License-Identifier: Apache-2.0
"""What the mapper and the localizer need to know of the robot."""

from __future__ import annotations

from dataclasses import dataclass, field

from vpr_ros.config.pipeline import PipelineConfig
from vpr_ros.config.setting import setting
from vpr_ros.config.stacks import SlamConfig, TfConfig

MAP, LOCALIZE, SLAM = "map", "localize", "slam"
MODES = (MAP, LOCALIZE, SLAM)
_MODE = (
    "map: images become keyframes, which close loops; localize: images are answered; slam: both, "
    "in one map"
)


@dataclass(frozen=True)
class PicturesConfig:
    """What people see in ``~/match_image``."""

    max_side: int = setting(
        640, "Longer side in pixels of the query in match_image", within=(64, 4096), live=True
    )
    attention: bool = setting(
        False, "Lay the scores of local features over the query: a network's attention", live=True
    )


@dataclass(frozen=True)
class RecordsConfig:
    """Answered images that are kept for later."""

    on: str = setting(
        "request",
        "request: the last answer, by the service save_record; not_accepted: also every answer "
        "that is not accepted",
        choices=("request", "not_accepted"),
        live=True,
    )
    folder: str = setting(
        "~/.ros/vpr_records", "The folder, of one node alone; ~ is the home folder", live=True
    )
    max_count: int = setting(
        200, "Records kept at most; the oldest make room", within=(1, 100_000), live=True
    )
    max_megabytes: float = setting(
        200.0, "Size of all records at most; the oldest make room", within=(0.1, 1e6), live=True
    )
    period: float = setting(
        1.0,
        "Least seconds between two records that nobody asked for",
        within=(0.0, 3600.0),
        live=True,
    )


@dataclass(frozen=True)
class NodeConfig(PipelineConfig):
    """What the mapper and the localizer both need to know of the robot."""

    mode: str = setting(MAP, _MODE, choices=MODES)
    map_path: str = setting(
        "route.vprmap", "The map's file; to localize, also a folder of maps; ~ is the home folder"
    )
    answer: str = setting(
        "every",
        "every: each image is answered; on_request: the next one after a call of ~/trigger",
        choices=("every", "on_request"),
        live=True,
    )
    more_maps: tuple[str, ...] = setting(
        (), "Files of other maps to search, made alike, or folders of such"
    )
    cameras: tuple[str, ...] = setting(
        (),
        "Topics of several cameras; where /tf_static does not tell their places on the robot, or "
        "not well, 'TOPIC x y z roll pitch yaw': meters and radians as a URDF places a camera's "
        "body, x ahead; empty: the topic image alone",
    )
    image_transport: str = setting(
        "raw",
        "raw: images on the topic itself; compressed: on TOPIC/compressed, as image_transport has "
        "it; a topic that ends in /compressed is taken as it is",
        choices=("raw", "compressed"),
    )
    reliability: str = setting(
        "auto",
        "Quality of service of the subscriptions; auto: reliable if all publishers offer it, "
        "otherwise best_effort, which hears every publisher but may lose large images",
        choices=("auto", "best_effort", "reliable"),
    )
    session: str = setting("", "Name of this drive in the map; empty: session-N")
    pose_type: str = setting(
        "odometry",
        "odometry: nav_msgs/Odometry on odom; pose, pose_with_covariance: PoseStamped or "
        "PoseWithCovarianceStamped on pose; tf: from /tf; none: the view alone decides",
        choices=("odometry", "pose", "pose_with_covariance", "tf", "none"),
    )
    pose_timeout: float = setting(
        0.2, "Seconds to wait for a pose that encloses an image's stamp", within=(0.0, 10.0)
    )
    pose_wait: float = setting(
        1.0,
        "Mode map: seconds that an image waits for a pose that comes late, beside newer images; no "
        "longer than pose_timeout where nobody publishes poses",
        within=(0.0, 20.0),
    )
    pose_wait_images: int = setting(
        20,
        "Mode map: images of a camera that wait for their poses; of more, the oldest goes without",
        within=(1, 1000),
    )
    pose_gap: float = setting(
        1.0, "Seconds between two poses that may be interpolated", within=(0.001, 60.0)
    )
    correction_gap: float = setting(
        5.0,
        "Seconds between two poses of corrected_path that may be interpolated",
        within=(0.001, 600.0),
    )
    slam: SlamConfig = field(default_factory=SlamConfig)
    tf: TfConfig = field(default_factory=TfConfig)
    pictures: PicturesConfig = field(default_factory=PicturesConfig)
    records: RecordsConfig = field(default_factory=RecordsConfig)

    @property
    def has_odometry(self) -> bool:
        """Whether the poses are those of odometry: others may jump, and measure no motion."""
        by_tf = self.pose_type == "tf" and self.tf.pose_frame == "odom"
        return by_tf or self.pose_type == "odometry"


@dataclass(frozen=True)
class MapperConfig(NodeConfig):
    """The mapper node."""


@dataclass(frozen=True)
class LocalizerConfig(NodeConfig):
    """The localizer node."""

    mode: str = setting(LOCALIZE, _MODE, choices=MODES)
