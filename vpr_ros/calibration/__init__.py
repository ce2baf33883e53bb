# SPDX-License-Identifier: Apache-2.0
"""What rerank scores are worth in one map, learned from the map itself."""

from vpr_ros.calibration.calibrator import Calibrator, Stop, never
from vpr_ros.calibration.fit import by_hand, fitted
from vpr_ros.calibration.survey import Survey, summed, surveyed

__all__ = ["Calibrator", "Stop", "Survey", "by_hand", "fitted", "never", "summed", "surveyed"]
