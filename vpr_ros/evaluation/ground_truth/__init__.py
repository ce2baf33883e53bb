# SPDX-License-Identifier: Apache-2.0
"""Where images were truly taken: trajectories of bags and files, looked up at their stamps."""

from vpr_ros.evaluation.ground_truth.lookup import poses_at
from vpr_ros.evaluation.ground_truth.source import TruthReader
from vpr_ros.evaluation.ground_truth.trajectory_files import read_kitti, read_kitti_times, read_tum

__all__ = ["TruthReader", "poses_at", "read_kitti", "read_kitti_times", "read_tum"]
