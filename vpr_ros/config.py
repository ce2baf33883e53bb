# SPDX-License-Identifier: Apache-2.0
"""Every setting and its default, once.

A setting carries its description and range beside its default, so that the nodes' ROS parameters,
the command line's options and the checks below are all read from here. Nested sections become
dotted names: ``keyframes.distance``.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from functools import partial
from typing import Any, TypeVar

from vpr_ros.errors import ConfigError

T = TypeVar("T")

METHODS = (
    "hog_sift",
    "r2former",
    "r2former_deit_base",
    "r2former_resnet50",
    "transvpr",
    "transvpr_ml_matt_plain",
    "transvpr_ml_satt",
    "transvpr_sl_satt",
)
PRECISIONS = ("fp32", "fp16", "bf16")
RUNTIMES = ("auto", "tensorrt", "onnxruntime", "onnxruntime-tensorrt", "openvino", "pytorch")
SEQUENCE_MODES = ("off", "filter", "seqslam")
SLAM_STACKS = (
    "nav2_amcl",
    "slam_toolbox",
    "robot_localization",
    "isaac_vgl",
    "rtabmap",
    "lio_sam",
    "hydra",
    "swarm_slam",
)


@dataclass(frozen=True)
class Setting:
    """What is known of one setting besides its value."""

    description: str
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    live: bool = False  # whether a node that runs takes a change over


def _setting(default: T, description: str, **others: Any) -> T:
    """A dataclass field that knows its description and its range."""
    made: T = field(default=default, metadata={"setting": Setting(description, **others)})
    return made


@dataclass(frozen=True)
class CalibrationConfig:
    """What a rerank score is worth in maps that are too small to tell by themselves."""

    half_score: float = _setting(
        0.5, "Rerank score from which as many matches are right as wrong", minimum=0.0
    )
    score_slope: float = _setting(
        1.0, "Growth of the log odds of a right match per unit of rerank score", minimum=1e-6
    )


@dataclass(frozen=True)
class HogSiftConfig:
    """The method that needs no weights."""

    max_side: int = _setting(
        480, "Longer image side in pixels that SIFT works at", minimum=64, maximum=4096
    )
    max_keypoints: int = _setting(500, "SIFT keypoints kept per image", minimum=16, maximum=8192)
    calibration: CalibrationConfig = field(
        default_factory=partial(CalibrationConfig, half_score=20.0, score_slope=0.3)
    )


@dataclass(frozen=True)
class NetworkConfig:
    """What all methods that run a network have in common."""

    weights: str = _setting(
        "",
        "File of the network: .onnx or .engine from 'vpr export', .pth, .pt or .safetensors; "
        "without suffix: the best of those that are there; ~ is the home folder",
    )
    runtime: str = _setting(
        "auto",
        "What runs the network; auto: of TensorRT, ONNX Runtime and PyTorch the first that is "
        "installed and runs such files on the device",
        choices=RUNTIMES,
    )
    device: str = _setting(
        "auto", "Where the network runs: cpu, cuda or cuda:N; auto: a GPU if the runtime sees one"
    )
    precision: str = _setting(
        "fp32", "Arithmetic of the network; an exported one has its own", choices=PRECISIONS
    )
    cuda_graph: bool = _setting(
        False, "TensorRT: start the network by one call instead of kernel by kernel"
    )
    threads: int = _setting(
        0, "CPU threads of the network; 0: one for each core", minimum=0, maximum=1024
    )
    width: int = _setting(
        0, "Pixels that images are resized to; 0: as published, 640", minimum=0, maximum=8192
    )
    height: int = _setting(
        0, "Pixels that images are resized to; 0: as published, 480", minimum=0, maximum=8192
    )
    antialias: bool = _setting(
        False, "Average pixels where images shrink; published weights were evaluated without"
    )


@dataclass(frozen=True)
class R2FormerConfig:
    """R2Former and its learned reranker."""

    num_local: int = _setting(
        500, "Local features kept per image, those of most attention", minimum=5, maximum=4096
    )
    own_tokens: bool = _setting(
        False, "Take the descriptors of the chosen patches themselves, not of those two before"
    )
    true_grid: bool = _setting(
        False, "Place the patches of images of other sizes where they are, not by the grid's width"
    )
    calibration: CalibrationConfig = field(
        default_factory=partial(CalibrationConfig, half_score=0.5, score_slope=10.0)
    )


@dataclass(frozen=True)
class TransVprConfig:
    """TransVPR and the variants of its ablation."""

    min_score: float = _setting(
        0.02,
        "Patches whose fused attention is not above this are no key patches",
        minimum=0.0,
        maximum=1.0,
    )
    patch_level: int = _setting(
        4, "Transformer block whose patches are matched; 0: the CNN's", minimum=0, maximum=6
    )
    mask_low: bool = _setting(True, "Fuse the low-level attention mask into key patches")
    mask_mid: bool = _setting(True, "Fuse the mid-level attention mask into key patches")
    mask_high: bool = _setting(True, "Fuse the high-level attention mask into key patches")
    mask_epsilon: float = _setting(
        0.0, "Added where a mask is divided by its range, against NaN", minimum=0.0, maximum=1.0
    )
    calibration: CalibrationConfig = field(
        default_factory=partial(CalibrationConfig, half_score=40.0, score_slope=0.15)
    )


@dataclass(frozen=True)
class KeyframeConfig:
    """When the mapper keeps an image."""

    distance: float = _setting(
        1.0, "Metres travelled since the last keyframe", minimum=0.01, maximum=1000.0
    )
    angle: float = _setting(
        0.26, "Radians turned since the last keyframe", minimum=0.01, maximum=math.pi
    )
    view_change: float = _setting(
        0.12,
        "Without poses: 1 - inner product of the global descriptors since the last keyframe",
        minimum=0.0,
        maximum=2.0,
    )
    commit_period: float = _setting(
        1.0, "Seconds of image time between commits of the map", minimum=0.0, maximum=60.0
    )
    thumbnail_side: int = _setting(
        320, "Longer side in pixels of the JPEG kept of a keyframe", minimum=32, maximum=4096
    )


@dataclass(frozen=True)
class HomographyConfig:
    """The reranker that counts matches agreeing with one homography."""

    rule: str = _setting(
        "clean",
        "clean: key patches only, fast estimator; reference: as published for transvpr, with "
        "equal scores if codec is float32",
        choices=("clean", "reference"),
    )
    threads: int = _setting(
        2, "Candidates scored at the same time, each by one thread", minimum=1, maximum=64
    )
    ransac_threshold: float = _setting(
        0.006,
        "Largest reprojection error, as a fraction of the longer image side; with patches for "
        "keypoints, at least 1.5 of them",
        minimum=0.0005,
        maximum=0.1,
    )
    max_iterations: int = _setting(
        500, "RANSAC iterations at most; for patches, 2000 is better", minimum=10, maximum=100000
    )


@dataclass(frozen=True)
class DecisionConfig:
    """When a match is trusted."""

    candidates: int = _setting(
        10,
        "Keyframes retrieved for each query and reranked; published: 100",
        minimum=1,
        maximum=1000,
        live=True,
    )
    target_precision: float = _setting(
        0.99,
        "Part of the accepted matches that must be right; the map tells what score that takes",
        minimum=0.5,
        maximum=0.9999,
        live=True,
    )
    prior_mapped: float = _setting(
        0.5,
        "Part of the images that are supposed to show a mapped place",
        minimum=0.01,
        maximum=1.0,
    )
    rival_ratio: float = _setting(
        0.7,
        "Ambiguous when another place reaches this part of the best rerank score",
        minimum=0.0,
        maximum=1.0,
        live=True,
    )
    place_radius: float = _setting(
        10.0, "Metres within which two keyframes show one place", minimum=0.0
    )
    place_seconds: float = _setting(
        10.0,
        "Seconds of one session within which keyframes without poses show one place",
        minimum=0.0,
    )
    max_zoom: float = _setting(
        1.25,
        "Ambiguous when the scene appears larger or smaller by more than this factor",
        minimum=1.0,
        live=True,
    )


@dataclass(frozen=True)
class LoopConfig:
    """Places that a drive comes back to while it is mapped."""

    close: bool = _setting(
        True, "Look for each new keyframe's place among the earlier ones", live=True
    )
    min_seconds: float = _setting(
        20.0, "Keyframes of this drive's last seconds are no loops", minimum=0.0, live=True
    )
    min_distance: float = _setting(
        20.0,
        "Keyframes of this drive's last meters are no loops, if they have poses",
        minimum=0.0,
        live=True,
    )


@dataclass(frozen=True)
class SequenceConfig:
    """What earlier images say about this one.

    A fresh look is an image whose view is a keyframe step (``keyframes``) away from the last one;
    images nearer to it count for a part of a look.
    """

    mode: str = _setting(
        "off",
        "off: every image by itself; filter: Bayes filter over the keyframes, with or without "
        "odometry; seqslam: sequences of similarities, for drives without odometry",
        choices=SEQUENCE_MODES,
    )
    trust: float = _setting(
        0.98, "Probability that one image alone can give at most", minimum=0.5, maximum=0.999
    )
    miss: float = _setting(
        0.5,
        "Probability that a look at a mapped place does not find it",
        minimum=0.01,
        maximum=0.99,
    )
    leave: float = _setting(
        0.01,
        "Probability, with each look, of leaving the map or being carried away",
        minimum=1e-6,
        maximum=0.5,
    )
    enter: float = _setting(
        0.1, "Probability, with each look off the map, of entering it", minimum=1e-6, maximum=0.5
    )
    reverse: float = _setting(
        0.1, "Part of the drives that run against the map's direction", minimum=0.0, maximum=1.0
    )
    drift: float = _setting(
        0.3,
        "Odometry's standard deviation after one meter, in meters; it grows with the square root",
        minimum=0.0,
        maximum=10.0,
    )
    max_speed: float = _setting(
        2.0,
        "Without odometry: the fastest drive, in multiples of the speed the map was made at",
        minimum=0.1,
        maximum=10.0,
    )
    patience: float = _setting(
        5.0, "Looks in a row without support after which no match is accepted", minimum=1.0
    )
    seqslam_length: int = _setting(
        10, "seqslam: looks that make a sequence", minimum=2, maximum=100
    )
    seqslam_window: int = _setting(
        10, "seqslam: keyframes to each side that contrast is taken over", minimum=1, maximum=1000
    )


@dataclass(frozen=True)
class PipelineConfig:
    """What it takes to turn images into verdicts."""

    method: str = _setting("hog_sift", "How images are described and compared", choices=METHODS)
    codec: str = _setting(
        "float16", "How a new map stores local descriptors", choices=("float16", "float32")
    )
    hog_sift: HogSiftConfig = field(default_factory=HogSiftConfig)
    network: NetworkConfig = field(default_factory=NetworkConfig)
    r2former: R2FormerConfig = field(default_factory=R2FormerConfig)
    transvpr: TransVprConfig = field(default_factory=TransVprConfig)
    keyframes: KeyframeConfig = field(default_factory=KeyframeConfig)
    homography: HomographyConfig = field(default_factory=HomographyConfig)
    decision: DecisionConfig = field(default_factory=DecisionConfig)
    sequence: SequenceConfig = field(default_factory=SequenceConfig)
    loops: LoopConfig = field(default_factory=LoopConfig)

    def __post_init__(self) -> None:
        for name, value, setting in settings_of(self):
            check(name, value, setting)


@dataclass(frozen=True)
class RtabmapConfig:
    """RTAB-Map, which is told of loop closures as links between its own nodes."""

    stamp_tolerance: float = _setting(
        0.01,
        "Seconds between an image and the RTAB-Map node that is taken for it; the motion in "
        "between is not in the link",
        minimum=1e-5,
        maximum=1.0,
    )
    confirm_timeout: float = _setting(
        10.0, "Seconds until a link must show in mapGraph; then it is sent once more", minimum=0.1
    )


@dataclass(frozen=True)
class LioSamConfig:
    """LIO-SAM, which registers the scans of a loop closure itself."""

    min_separation: float = _setting(
        30.0, "LIO-SAM's historyKeyframeSearchTimeDiff: it ignores closures of less", minimum=0.0
    )


@dataclass(frozen=True)
class HydraConfig:
    """Hydra and Kimera, whose pose graphs name poses by robot and stamp."""

    hold: float = _setting(
        15.0,
        "Seconds that a closure is held, until the pose graph holds both of its poses",
        minimum=0.0,
        maximum=600.0,
    )
    robot_id: int = _setting(0, "This robot's number in the pose graph", minimum=0, maximum=1000)


@dataclass(frozen=True)
class SwarmSlamConfig:
    """Swarm-SLAM, which registers the keyframes of a loop closure itself."""

    stamp_tolerance: float = _setting(
        0.5,
        "Seconds between an image and the Swarm-SLAM keyframe that is taken for it",
        minimum=1e-5,
        maximum=10.0,
    )


@dataclass(frozen=True)
class SlamConfig:
    """What SLAM and navigation stacks are told, and how."""

    adapters: tuple[str, ...] = _setting((), "Stacks to speak to", choices=SLAM_STACKS)
    initial_pose: str = _setting(
        "once",
        "When a pose that resets a stack is sent. once: after activation and whenever asked; "
        "request: only when asked; always: with every accepted match",
        choices=("once", "request", "always"),
    )
    frame: str = _setting(
        "",
        "Frame named in the poses sent, if it is the same as that of the map's poses under "
        "another name; empty: as recorded",
    )
    position_sigma: float = _setting(
        0.0,
        "Standard deviation in metres of a pose that only names a place; 0: half of "
        "decision.place_radius",
        minimum=0.0,
        maximum=10000.0,  # its square must pass Nav2's check, which refuses more than 1e9
    )
    heading_sigma: float = _setting(
        0.5,
        "Standard deviation in radians about each axis of a pose that only names a place",
        minimum=0.01,
        maximum=math.pi,
    )
    patience: float = _setting(
        10.0,
        "Seconds that a closure waits for a stack to know both of its images",
        minimum=0.0,
        maximum=600.0,
    )
    rtabmap: RtabmapConfig = field(default_factory=RtabmapConfig)
    lio_sam: LioSamConfig = field(default_factory=LioSamConfig)
    hydra: HydraConfig = field(default_factory=HydraConfig)
    swarm_slam: SwarmSlamConfig = field(default_factory=SwarmSlamConfig)


@dataclass(frozen=True)
class TfConfig:
    """The robot's frames, named as REP 105 does, and the transforms between them."""

    map_frame: str = _setting("map", "Frame of the map's poses, in which the robot may jump")
    odom_frame: str = _setting("odom", "Frame of the odometry, in which the robot never jumps")
    base_frame: str = _setting(
        "base_link",
        "The robot's body: its poses are those of the map and those that stacks estimate, and its "
        "cameras are found in /tf_static",
    )
    pose_frame: str = _setting(
        "odom",
        "Where pose_type tf takes the poses of base_frame. odom: in odom_frame, as odometry; "
        "map: in map_frame, as somebody else localizes the robot, which is no odometry",
        choices=("odom", "map"),
    )
    broadcast: bool = _setting(
        False,
        "Send map_frame to odom_frame from the first accepted match on; a match names a place: "
        "the transform is only as exact as decision.place_radius. Needs odometry",
    )
    broadcast_period: float = _setting(
        0.05, "Seconds between two transforms that are sent", minimum=0.001, maximum=10.0
    )
    transform_tolerance: float = _setting(
        0.2,
        "Seconds that a transform is stamped ahead, to be good until the next one is there",
        minimum=0.0,
        maximum=10.0,
    )

    @property
    def frame_of_poses(self) -> str:
        """The frame that ``pose_frame`` names."""
        return self.odom_frame if self.pose_frame == "odom" else self.map_frame


@dataclass(frozen=True)
class PicturesConfig:
    """What people see in ``~/match_image``."""

    max_side: int = _setting(
        640,
        "Longer side in pixels of the query in match_image",
        minimum=64,
        maximum=4096,
        live=True,
    )
    attention: bool = _setting(
        False, "Lay the scores of local features over the query: a network's attention", live=True
    )


@dataclass(frozen=True)
class RecordsConfig:
    """Answered images that are kept for later."""

    on: str = _setting(
        "request",
        "request: the last answer, by the service save_record; not_accepted: also every answer "
        "that is not accepted",
        choices=("request", "not_accepted"),
        live=True,
    )
    folder: str = _setting(
        "~/.ros/vpr_records", "The folder, of one node alone; ~ is the home folder", live=True
    )
    max_count: int = _setting(
        200, "Records kept at most; the oldest make room", minimum=1, maximum=100_000, live=True
    )
    max_megabytes: float = _setting(
        200.0,
        "Size of all records at most; the oldest make room",
        minimum=0.1,
        maximum=1e6,
        live=True,
    )
    period: float = _setting(
        1.0,
        "Least seconds between two records that nobody asked for",
        minimum=0.0,
        maximum=3600.0,
        live=True,
    )


MODES = ("map", "localize", "slam")
_MODE = (
    "map: images become keyframes, which close loops; localize: images are answered; slam: both, "
    "in one map"
)


@dataclass(frozen=True)
class NodeConfig(PipelineConfig):
    """What the mapper and the localizer both need to know of the robot."""

    mode: str = _setting("map", _MODE, choices=MODES)
    map_path: str = _setting("route.vprmap", "The map's file; ~ is the home folder")
    answer: str = _setting(
        "every",
        "every: each image is answered; on_request: the next one after a call of ~/trigger",
        choices=("every", "on_request"),
        live=True,
    )
    more_maps: tuple[str, ...] = _setting((), "Files of other maps to search, made alike")
    cameras: tuple[str, ...] = _setting(
        (),
        "Topics of several cameras, each with its place on the robot if it is known: 'TOPIC x y z "
        "roll pitch yaw', meters and radians as in a URDF, x ahead; empty: the topic image alone",
    )
    image_transport: str = _setting(
        "raw",
        "raw: image is a sensor_msgs/Image; compressed: a sensor_msgs/CompressedImage",
        choices=("raw", "compressed"),
    )
    reliability: str = _setting(
        "best_effort",
        "Quality of service of the image subscription; best_effort hears every publisher",
        choices=("best_effort", "reliable"),
    )
    session: str = _setting("", "Name of this drive in the map; empty: session-N")
    pose_type: str = _setting(
        "odometry",
        "odometry: nav_msgs/Odometry on odom; pose, pose_with_covariance: PoseStamped or "
        "PoseWithCovarianceStamped on pose; tf: from /tf; none: the view alone decides",
        choices=("odometry", "pose", "pose_with_covariance", "tf", "none"),
    )
    pose_timeout: float = _setting(
        0.2,
        "Seconds to wait for a pose that encloses an image's stamp",
        minimum=0.0,
        maximum=10.0,
    )
    pose_gap: float = _setting(
        1.0, "Seconds between two poses that may be interpolated", minimum=0.001, maximum=60.0
    )
    correction_gap: float = _setting(
        5.0,
        "Seconds between two poses of corrected_path that may be interpolated",
        minimum=0.001,
        maximum=600.0,
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

    mode: str = _setting("localize", _MODE, choices=MODES)


def settings_of(config: Any, prefix: str = "") -> Iterator[tuple[str, Any, Setting]]:
    """(dotted name, value, description and range) of every setting below a section."""
    for item in fields(config):
        value = getattr(config, item.name)
        if is_dataclass(value):
            yield from settings_of(value, f"{prefix}{item.name}.")
        else:
            yield prefix + item.name, value, item.metadata["setting"]


def check(name: str, value: Any, setting: Setting) -> None:
    """Raise ConfigError, naming setting, value and range, if the value cannot work."""
    for chosen in value if isinstance(value, tuple) else (value,):
        if setting.choices and chosen not in setting.choices:
            raise ConfigError(f"{name} = {chosen!r}: choose one of {', '.join(setting.choices)}")
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        low = -math.inf if setting.minimum is None else setting.minimum
        high = math.inf if setting.maximum is None else setting.maximum
        if not low <= value <= high or not math.isfinite(value):
            raise ConfigError(f"{name} = {value}: must be between {low} and {high}")


def with_settings(config: T, values: Mapping[str, Any]) -> T:
    """A copy of a section with the given dotted names changed.

    Raises:
        ConfigError: a name is unknown, or a value is of the wrong type or out of range.
    """
    known = {name: (value, setting) for name, value, setting in settings_of(config)}
    for name, value in values.items():
        if name not in known:
            raise ConfigError(f"no setting {name!r}; known: {', '.join(sorted(known))}")
        default, setting = known[name]
        if not _fits(value, default):
            expected = type(default).__name__
            raise ConfigError(f"{name} = {value!r}: must be of type {expected}")
        check(name, value, setting)
    changed: T = _replaced(config, values, "")
    return changed


def _fits(value: Any, default: Any) -> bool:
    if isinstance(default, float):
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if isinstance(default, tuple):
        return isinstance(value, tuple) and all(isinstance(item, str) for item in value)
    return type(value) is type(default)


def _replaced(config: Any, values: Mapping[str, Any], prefix: str) -> Any:
    changes: dict[str, Any] = {}
    for item in fields(config):
        name, value = prefix + item.name, getattr(config, item.name)
        if is_dataclass(value):
            changes[item.name] = _replaced(value, values, name + ".")
        elif name in values:
            changes[item.name] = type(value)(values[name])
    return dataclasses.replace(config, **changes)
