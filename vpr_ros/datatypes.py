# SPDX-License-Identifier: Apache-2.0
"""The values that travel along the line from a camera frame to a verdict.

Shapes: D = size of the global descriptor, N = local features of one image, C = size of a local
descriptor. Positions are meters, stamps are nanoseconds since the epoch of the image's clock.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum, IntEnum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

ImageArray = NDArray[np.uint8]  # [H, W, 3] RGB
FloatArray = NDArray[np.float32]
RowNumbers = NDArray[np.int32]  # [M] rows of some table
NO_ROWS: RowNumbers = np.empty(0, np.int32)
NO_POINTS: FloatArray = np.empty((0, 2), np.float32)

# A stamp so much before the last one begins another drive: a bag that starts over. Images of
# several cameras overtake each other by less.
RESTART_NS = 1_000_000_000


@dataclass(frozen=True)
class LocalFeatures:
    """What a reranker compares: points of one image and their descriptors."""

    keypoints: FloatArray  # [N, 2] (x, y) pixels of the source image
    scores: FloatArray  # [N] strength, larger is better
    descriptors: FloatArray  # [N, C]
    image_size: tuple[int, int]  # (width, height) of the source image, pixels

    def __len__(self) -> int:
        return len(self.keypoints)

    def taken(self, rows: NDArray[Any]) -> LocalFeatures:
        """Those in some rows, or those that are flagged."""
        return LocalFeatures(
            self.keypoints[rows], self.scores[rows], self.descriptors[rows], self.image_size
        )

    def outside(self, hidden: NDArray[np.bool_]) -> LocalFeatures:
        """Those that lie where a mask of any size, [H, W], does not hide their image."""
        height, width = hidden.shape
        places = (self.keypoints + 0.5) / self.image_size * (width, height)
        columns, rows = np.clip(places.astype(int), 0, (width - 1, height - 1)).T
        return self.taken(~hidden[rows, columns])

    @property
    def size_bytes(self) -> int:
        """Memory of the arrays."""
        return self.keypoints.nbytes + self.scores.nbytes + self.descriptors.nbytes


@dataclass(frozen=True)
class Features:
    """Everything that is kept of one image."""

    global_descriptor: FloatArray  # [D] unit norm
    local: LocalFeatures | None = None  # for comparing looks; None where only the whole is compared
    points: LocalFeatures | None = None  # sub-pixel keypoints for geometry; may be ``local``

    def outside(self, hidden: NDArray[np.bool_]) -> Features:
        """The same without what a mask of any size, [H, W], hides of local features and points."""
        kinds = (self.local, self.points)
        local, points = (None if each is None else each.outside(hidden) for each in kinds)
        return replace(self, local=local, points=points)

    @property
    def image_size(self) -> tuple[int, int]:
        """(width, height) of the image in pixels; of methods without local features a square."""
        return (1, 1) if self.local is None else self.local.image_size


@dataclass(frozen=True)
class Pose:
    """Where the robot was: ``frame_T_base`` as position and unit quaternion."""

    position: tuple[float, float, float]  # x, y, z in meters
    orientation: tuple[float, float, float, float]  # x, y, z, w
    frame_id: str


@dataclass(frozen=True)
class Camera:
    """A camera: its pinhole intrinsics as ``sensor_msgs/CameraInfo`` gives them, and its place."""

    width: int = 0
    height: int = 0
    intrinsics: tuple[float, ...] = ()  # row-major 3 x 3, pixels; empty where they are not known
    distortion_model: str = ""
    distortion: tuple[float, ...] = ()
    mount: Pose | None = None  # base_T_optical (REP 103: z ahead, x right, y down)
    name: str = ""  # tells a robot's cameras apart; empty for the only one
    frame_id: str = ""  # its optical frame (REP 103), as its images name it; empty if they do not


@dataclass(frozen=True)
class Frame:
    """One image of a drive with what is known of it."""

    stamp_ns: int
    image: ImageArray | None  # None where its features are known already
    pose: Pose | None = None
    camera: Camera | None = None
    name: str = ""  # where it was found: the file of the image, or the topic of the bag
    read: Callable[[], ImageArray] | None = field(default=None, compare=False)  # without ``image``

    def look(self) -> ImageArray | None:
        """The image, read now if it can be.

        Raises:
            ImageError: it cannot be read any more.
        """
        return self.read() if self.image is None and self.read is not None else self.image

    @property
    def source(self) -> str:
        """Which of several cameras took it."""
        return "" if self.camera is None else self.camera.name


# Settings that choose among local features, or count them, and change none.
_CHOOSING = frozenset(
    ("num_local", "max_keypoints", "min_score", "mask_low", "mask_mid", "mask_high", "mask_epsilon")
)


@dataclass(frozen=True)
class ModelSpec:
    """What made a descriptor. Two descriptors compare only if their specs have one ``space``."""

    method: str
    weights_sha256: str  # empty for methods without weights
    input_height: int
    input_width: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    global_dim: int  # D
    local_dim: int  # C; 0 for methods without local features
    precision: str
    exporter_version: str  # empty for what this package did not export
    settings: dict[str, float] = field(default_factory=dict)  # whatever else changes the numbers
    pitch: int = 0  # pixels of the input from one patch to the next; 0 if features lie anywhere
    has_unit_local: bool = False  # whether local descriptors come with norm 1
    runtime: str = ""  # the library that ran it
    # What a graph that others exported calls the inputs and outputs of ``backends.base``.
    ports: dict[str, str] = field(default_factory=dict)

    @property
    def space(self) -> str:
        """What descriptors must have in common to be compared, 16 hex digits of a SHA-256.

        Weights, preprocessing and dimensions, and the settings that change descriptors: neither
        those that only choose how many are kept, nor how exactly they are computed, or by whom.
        """
        named = ("method", "weights_sha256", "input_height", "input_width", "mean", "std")
        facts = {name: getattr(self, name) for name in (*named, "global_dim", "local_dim")}
        facts |= {name: [float(value) for value in facts[name]] for name in ("mean", "std")}
        facts["settings"] = {
            name: float(value)
            for name, value in self.settings.items()
            if value and name not in _CHOOSING  # one that is 0 is as good as absent
        }
        text = json.dumps(facts, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def made_by(self) -> str:
        """How descriptors are computed, for people: it may differ between a map and a robot."""
        exporter = self.exporter_version and f"exporter {self.exporter_version}"
        return ", ".join(word for word in (self.precision, self.runtime, exporter) if word)

    def is_made_as(self, other: ModelSpec) -> bool:
        """Whether two models compute alike, as far as both tell."""
        names = ("precision", "runtime", "exporter_version")
        pairs = [(getattr(self, name), getattr(other, name)) for name in names]
        return all(left == right for left, right in pairs if left and right)

    @classmethod
    def of_fields(cls, values: Mapping[str, Any]) -> ModelSpec:
        """The spec of a JSON file or a map, also of one that was written before a field was there.

        Raises:
            KeyError: a field without default is missing.
            TypeError, ValueError: a value is of the wrong type, or a field is not known.
        """
        known = {**values}
        known.update({name: tuple(float(v) for v in known[name]) for name in ("mean", "std")})
        settings = known.get("settings", {})
        known["settings"] = {str(name): float(value) for name, value in settings.items()}
        return cls(**known)


@dataclass(frozen=True)
class Keyframe:
    """One image on its way into a map."""

    stamp_ns: int
    features: Features
    pose: Pose | None = None
    camera: Camera | None = None
    thumbnail_jpeg: bytes = b""


class KeyframeKey(NamedTuple):
    """Names a keyframe among all maps."""

    map: str  # the uuid that its map's file carries
    id: int  # its number there; never used twice within one map


@dataclass(frozen=True)
class KeyframeRecord:
    """What a map knows of a keyframe besides its descriptors."""

    key: KeyframeKey
    session: str
    stamp_ns: int
    pose: Pose | None
    camera: str = ""  # name of the camera that took it
    map_name: str = ""  # of its map, for people; empty where only one map is searched

    @property
    def number(self) -> str:
        """For people who know which drive is meant."""
        return f"keyframe {self.key.id}"

    @property
    def name(self) -> str:
        """For people, with its drive, and with its map where several are searched."""
        drive = f"{self.map_name}/{self.session}" if self.map_name else self.session
        return f"{self.number} of {drive}"

    def is_of_drive(self, other: KeyframeRecord) -> bool:
        """Whether both were taken in one drive."""
        return self.key.map == other.key.map and self.session == other.session


@dataclass(frozen=True)
class Found:
    """What a search gave: the nearest keyframes, best first."""

    keyframes: tuple[KeyframeRecord, ...]
    similarities: tuple[float, ...]  # inner products of the global descriptors
    maps: MapShares | None = None  # where a map stage was asked

    def __len__(self) -> int:
        return len(self.keyframes)

    @property
    def keys(self) -> list[KeyframeKey]:
        """The names of the keyframes."""
        return [record.key for record in self.keyframes]


class Verdict(IntEnum):
    """What a robot may do with an answer; the numbers are those of ``vpr_msgs/PlaceMatch``."""

    ACCEPTED = 1
    AMBIGUOUS = 2
    UNKNOWN = 3


class Cause(Enum):
    """Why an answer was not accepted, in the words that diagnostics count it under."""

    NONE = "accepted"
    EMPTY_MAP = "the map is empty"
    NOTHING_SHOWN = "the image shows nothing"
    TOO_LITTLE = "too little agreement"
    ZOOM = "seen from closer or farther"
    LOOK_ALIKE = "another place looks alike"
    OFF_MAP = "off the map"
    UNSURE = "no place likely enough"
    STALE = "too long without a match"
    UNANCHORED = "no image was sure by itself"
    CONTRARY = "the image contradicts those before"


class Judgment(NamedTuple):
    """What is made of an image, or of a sequence of them."""

    verdict: Verdict
    reason: str
    probability: float  # that the first candidate shows the query's place
    cause: Cause = Cause.NONE


@dataclass(frozen=True)
class Comparison:
    """What a closer look at a query and one candidate found.

    Shapes: M matches; rows count the local features that were compared.
    """

    score: float  # larger is better; comparable within one reranker only
    inliers: int = -1  # matches that agree with one geometry; -1 where nobody counts them
    zoom: float = math.nan  # how many times larger the query shows the scene; NaN if not measured
    # [M] each, the agreeing matches; none where nobody tells pairs.
    query_rows: RowNumbers = field(default_factory=lambda: NO_ROWS, compare=False)
    candidate_rows: RowNumbers = field(default_factory=lambda: NO_ROWS, compare=False)

    def is_zoomed(self, limit: float) -> bool:
        """Whether the query was taken from nearer or farther than the keyframe by this factor."""
        if math.isnan(self.zoom):
            return False
        return max(self.zoom, 1.0 / max(self.zoom, 1e-9)) > limit


@dataclass(frozen=True)
class Query:
    """An image that was described, with what is known of the robot that took it."""

    features: Features
    stamp_ns: int
    odometry: Pose | None = None  # odom_T_base at that stamp, the base's x axis pointing ahead
    camera: Camera | None = None  # which took it

    @property
    def source(self) -> str:
        """Which of several cameras took it."""
        return "" if self.camera is None else self.camera.name


@dataclass(frozen=True)
class PoseEstimate:
    """Where exactly the robot was, as measured from one image."""

    map_T_base: Pose
    covariance: FloatArray  # [6, 6] x, y, z (m), then rotations about X, Y, Z (rad), as in ROS
    inliers: int  # points that agree with the pose
    keyframes: tuple[KeyframeKey, ...]  # whose points were used
    # [M, 2] each, (x, y) as parts of width and height: the agreeing points of the query that the
    # matched keyframe shows, and where it does; others are those of keyframes around it.
    query_points: FloatArray = field(default_factory=lambda: NO_POINTS, compare=False)
    match_points: FloatArray = field(default_factory=lambda: NO_POINTS, compare=False)


@dataclass(frozen=True)
class Candidate:
    """A keyframe that may show the query's place."""

    keyframe: KeyframeRecord
    similarity: float  # inner product of the global descriptors
    comparison: Comparison | None = None  # None where nobody looked closer


class Conclusion(NamedTuple):
    """What is made of a query and its candidates."""

    judgment: Judgment
    candidates: tuple[Candidate, ...]  # best first
    believed: tuple[tuple[KeyframeKey, float], ...] = ()  # see ``Recognition``


@dataclass(frozen=True)
class MeasuredTransform:
    """The motion between the two images of a loop closure, between cameras' optical frames."""

    match_T_query: Pose  # its frame_id is that of the match's camera
    covariance: NDArray[np.float64]  # [6, 6] x, y, z (m), rotations about X, Y, Z (rad), as in ROS


@dataclass(frozen=True)
class LoopClosure:
    """A keyframe that shows the place of an earlier one."""

    key: KeyframeKey  # the later one
    stamp_ns: int  # of the later one
    match: Candidate  # the earlier one
    probability: float
    camera_frame: str = ""  # optical frame of the camera that took the later one
    transform: MeasuredTransform | None = None  # None where it was not measured


@dataclass(frozen=True)
class MapShares:
    """Which of several maps an image is from, by its looks alone: a prior, not a verdict."""

    probabilities: dict[str, float]  # path of the map -> that the image is from it
    none: float  # that it is from none of them


@dataclass(frozen=True)
class Recognition:
    """The answer to one image."""

    stamp_ns: int
    verdict: Verdict
    reason: str
    probability: float  # that the first candidate shows the query's place
    candidates: tuple[Candidate, ...]  # best first
    timings_s: dict[str, float]  # stage name -> seconds, in the order the stages ran
    cause: Cause = Cause.NONE
    # (keyframe, probability) of the likeliest keyframes, best first; none without a sequence
    # filter. The whole belief would be a number for each keyframe of the map, in every answer.
    believed: tuple[tuple[KeyframeKey, float], ...] = ()
    maps: MapShares | None = None  # where a map stage was asked which map it is
    pose: PoseEstimate | None = None  # where exactly, None where that was not measured
    pose_reason: str = ""  # why it was not
