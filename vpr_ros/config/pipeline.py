# SPDX-License-Identifier: Apache-2.0
"""What it takes to turn images into verdicts."""

from __future__ import annotations

from dataclasses import dataclass, field

from vpr_ros.config.methods import (
    METHODS,
    AppsvrConfig,
    HogSiftConfig,
    NetworkConfig,
    R2FormerConfig,
    R2FormerTinyConfig,
    SupVprConfig,
    TransVprConfig,
)
from vpr_ros.config.places import DecisionConfig, HomographyConfig, KeyframeConfig, LoopConfig
from vpr_ros.config.sequences import SequenceConfig
from vpr_ros.config.setting import check_all, setting


@dataclass(frozen=True)
class PipelineConfig:
    """What it takes to turn images into verdicts."""

    method: str = setting("r2former_tiny", "How images are described and compared", choices=METHODS)
    codec: str = setting(
        "float16", "How a new map stores local descriptors", choices=("float16", "float32")
    )
    hog_sift: HogSiftConfig = field(default_factory=HogSiftConfig)
    network: NetworkConfig = field(default_factory=NetworkConfig)
    appsvr: AppsvrConfig = field(default_factory=AppsvrConfig)
    r2former: R2FormerConfig = field(default_factory=R2FormerConfig)
    r2former_tiny: R2FormerTinyConfig = field(default_factory=R2FormerTinyConfig)
    sup_vpr: SupVprConfig = field(default_factory=SupVprConfig)
    transvpr: TransVprConfig = field(default_factory=TransVprConfig)
    keyframes: KeyframeConfig = field(default_factory=KeyframeConfig)
    homography: HomographyConfig = field(default_factory=HomographyConfig)
    map_stage: str = setting(
        "",
        "File of 'vpr train-maps' that tells several maps apart; empty: their looks do, untrained",
    )
    decision: DecisionConfig = field(default_factory=DecisionConfig)
    sequence: SequenceConfig = field(default_factory=SequenceConfig)
    loops: LoopConfig = field(default_factory=LoopConfig)

    def __post_init__(self) -> None:
        check_all(self)
