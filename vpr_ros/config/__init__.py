# SPDX-License-Identifier: Apache-2.0
"""Every setting and its default, once.

A setting carries its description and range beside its default, so that the nodes' ROS parameters,
the command line's options and the checks are all read from here. Nested sections become dotted
names: ``keyframes.distance``.
"""

from vpr_ros.config.decision import (
    DecisionConfig,
    HomographyConfig,
    KeyframeConfig,
    LoopConfig,
    SequenceConfig,
)
from vpr_ros.config.methods import (
    METHODS,
    PRECISIONS,
    RUNTIMES,
    CalibrationConfig,
    Method,
    NetworkConfig,
    SiftConfig,
)
from vpr_ros.config.nodes import (
    LOCALIZE,
    MAP,
    MODES,
    SLAM,
    LocalizerConfig,
    MapperConfig,
    NodeConfig,
    PicturesConfig,
    RecordsConfig,
)
from vpr_ros.config.pipeline import PipelineConfig
from vpr_ros.config.pose import PoseConfig
from vpr_ros.config.setting import Setting, check, check_all, settings_of, with_settings
from vpr_ros.config.stacks import SLAM_STACKS, SlamConfig, TfConfig

__all__ = [
    "LOCALIZE",
    "MAP",
    "METHODS",
    "MODES",
    "PRECISIONS",
    "RUNTIMES",
    "SLAM",
    "SLAM_STACKS",
    "CalibrationConfig",
    "DecisionConfig",
    "HomographyConfig",
    "KeyframeConfig",
    "LocalizerConfig",
    "LoopConfig",
    "MapperConfig",
    "Method",
    "NetworkConfig",
    "NodeConfig",
    "PicturesConfig",
    "PipelineConfig",
    "PoseConfig",
    "RecordsConfig",
    "SequenceConfig",
    "Setting",
    "SiftConfig",
    "SlamConfig",
    "TfConfig",
    "check",
    "check_all",
    "settings_of",
    "with_settings",
]
