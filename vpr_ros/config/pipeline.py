# SPDX-License-Identifier: Apache-2.0
"""What it takes to turn images into verdicts."""

from __future__ import annotations

from dataclasses import dataclass, field

from vpr_ros.config.decision import (
    DecisionConfig,
    HomographyConfig,
    KeyframeConfig,
    LoopConfig,
    SequenceConfig,
)
from vpr_ros.config.methods import (
    AUTO,
    DESCRIBERS,
    LOCALS,
    METHODS,
    RERANKERS,
    CalibrationConfig,
    Method,
    NetworkConfig,
    SiftConfig,
    combined,
)
from vpr_ros.config.pose import POINTS, PoseConfig
from vpr_ros.config.renamed import RENAMED_METHODS
from vpr_ros.config.setting import check_all, setting


@dataclass(frozen=True)
class PipelineConfig:
    """What it takes to turn images into verdicts."""

    method: str = setting(
        "r2former_tiny",
        "How images are described and compared; file: by the network in network.weights, whatever "
        "that is",
        choices=tuple(METHODS),
        renamed=RENAMED_METHODS,
    )
    describe: str = setting(
        AUTO, "What gives the global descriptor; auto: as the method", choices=(AUTO, *DESCRIBERS)
    )
    local: str = setting(
        AUTO,
        "Local features that are kept: the network's own, SIFT's, or none; auto: as the method",
        choices=LOCALS,
    )
    rerank: str = setting(
        AUTO,
        "What compares candidates: a homography between local features, the network trained for "
        "it, or nothing but the global descriptors; auto: as the method",
        choices=RERANKERS,
    )
    codec: str = setting(
        "float16", "How a new map stores local descriptors", choices=("float16", "float32")
    )
    points: str = setting(
        "sift",
        "Points for geometry, by which poses are measured: made of keyframes and of accepted "
        "images of calibrated cameras; none: a match is a place, not a pose",
        choices=POINTS,
    )
    image_mask: str = setting(
        "",
        "What of images does not count, the robot's own body for one: an image file, black there, "
        "or corners as fractions of width and height: '0,0.7 1,0.7 1,1 0,1'",
    )
    network: NetworkConfig = field(default_factory=NetworkConfig)
    sift: SiftConfig = field(default_factory=SiftConfig)
    calibration: CalibrationConfig = field(default_factory=CalibrationConfig)
    keyframes: KeyframeConfig = field(default_factory=KeyframeConfig)
    homography: HomographyConfig = field(default_factory=HomographyConfig)
    map_stage: str = setting(
        "", "File of 'vpr train-maps': records and JSON then tell how likely each map is"
    )
    decision: DecisionConfig = field(default_factory=DecisionConfig)
    sequence: SequenceConfig = field(default_factory=SequenceConfig)
    pose: PoseConfig = field(default_factory=PoseConfig)
    loops: LoopConfig = field(default_factory=LoopConfig)

    def __post_init__(self) -> None:
        check_all(self)
        combined(self.method, self.describe, self.local, self.rerank)

    @property
    def parts(self) -> Method:
        """The method with the parts that were exchanged."""
        return combined(self.method, self.describe, self.local, self.rerank)
