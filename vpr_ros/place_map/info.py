# SPDX-License-Identifier: Apache-2.0
"""What a map holds, in numbers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vpr_ros.calibration_curve import CalibrationRecord
from vpr_ros.datatypes import ModelSpec
from vpr_ros.place_map.keyframe_table import KeyframeTable, Numbers


@dataclass(frozen=True)
class SessionInfo:
    """One drive."""

    name: str
    keyframes: int
    first_stamp_ns: int
    last_stamp_ns: int


@dataclass(frozen=True)
class MapInfo:
    """The answer to "what is in this map?"."""

    path: Path
    uuid: str
    spec: ModelSpec
    space: str  # of the descriptors: what a model must have in common with the map
    made_by: str  # how they were computed, for people
    codec: str
    sessions: tuple[SessionInfo, ...]  # in the order they were begun
    keyframes: int
    keyframes_with_pose: int
    size_bytes: int
    calibration: CalibrationRecord | None  # what scores are worth, None if not known


def summarize_sessions(table: KeyframeTable) -> tuple[SessionInfo, ...]:
    """Count keyframes and find the first and last stamp of every session."""
    stamps: dict[str, list[Numbers]] = {}
    for rows in table.drives:
        stamps.setdefault(table.session_of(rows), []).append(table.stamps_ns[rows])
    joined = {name: np.concatenate(parts) for name, parts in stamps.items()}
    return tuple(
        SessionInfo(name, len(values), int(values.min()), int(values.max()))
        for name, values in joined.items()
    )
