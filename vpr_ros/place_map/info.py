# SPDX-License-Identifier: Apache-2.0
"""What a map holds, in numbers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from vpr_ros.calibration_curve import CalibrationRecord
from vpr_ros.datatypes import KeyframeRecord, ModelSpec


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
    spec: ModelSpec
    space: str
    codec: str
    sessions: tuple[SessionInfo, ...]  # in the order they were begun
    keyframes: int
    keyframes_with_pose: int
    size_bytes: int
    calibration: CalibrationRecord | None  # what scores are worth, None if not known


def summarize_sessions(records: Iterable[KeyframeRecord]) -> tuple[SessionInfo, ...]:
    """Count keyframes and find the first and last stamp of every session."""
    stamps: dict[str, list[int]] = {}
    for record in records:
        stamps.setdefault(record.session, []).append(record.stamp_ns)
    return tuple(
        SessionInfo(name, len(values), min(values), max(values)) for name, values in stamps.items()
    )
