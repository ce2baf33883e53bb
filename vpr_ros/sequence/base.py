# SPDX-License-Identifier: Apache-2.0
"""What goes into a sequence filter, what comes out, and what the recognizer may rely on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from vpr_ros.calibration_curve import Calibration
from vpr_ros.datatypes import Candidate, FloatArray, KeyframeKey, KeyframeRecord
from vpr_ros.place_map import KeyframeTable
from vpr_ros.place_map.keyframe_table import Reals
from vpr_ros.sequence.motion import OdometryStep


@dataclass(frozen=True)
class Look:
    """What one image says by itself."""

    candidates: Sequence[Candidate]  # reranked, best first
    descriptor: FloatArray  # [D] unit norm
    similarities: FloatArray | None = None  # [K] to every keyframe, for filters that want them
    camera: str = ""  # which of several cameras looked


@dataclass(frozen=True)
class Belief:
    """Where the robot may be; K keyframes in the order of the map.

    A *place* is a keyframe with those around it that ``DecisionConfig`` takes for one place.
    """

    keyframes: Reals  # [K] probability; with off_map they sum to 1
    off_map: float
    best: KeyframeRecord | None = None  # the likeliest keyframe of the likeliest place
    mass: float = 0.0  # probability of that place
    place: frozenset[KeyframeKey] = frozenset()  # its keyframes
    rival: KeyframeRecord | None = None  # the likeliest keyframe of the next place
    rival_mass: float = 0.0
    unsupported: float = 0.0  # looks since an image last spoke for the best place
    contrary: KeyframeRecord | None = None  # elsewhere, but this image speaks for it alone


class Keyframes(Protocol):
    """What a filter needs of a map."""

    @property
    def table(self) -> KeyframeTable:
        """All keyframes; it may have grown, or be another one, from one update to the next."""
        ...


class SequenceFilter(Protocol):
    """What earlier images say about this one."""

    needs_similarities: bool

    def update(self, stamp_ns: int, step: OdometryStep | None, look: Look) -> Belief:
        """Take one image into account.

        Args:
            stamp_ns: the image's stamp; one long before the last starts over.
            step: what odometry says since the last update, None if it says nothing.
            look: what the image says by itself.
        """
        ...

    def reload(self) -> None:
        """Read all keyframes again: their poses were corrected."""
        ...

    def recalibrate(self, calibration: Calibration) -> None:
        """Weigh rerank scores otherwise from now on."""
        ...
