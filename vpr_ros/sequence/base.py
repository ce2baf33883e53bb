# SPDX-License-Identifier: Apache-2.0
"""What goes into a sequence filter, what comes out, and what the recognizer may rely on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from vpr_ros.datatypes import Candidate, FloatArray, KeyframeRecord
from vpr_ros.sequence.keyframe_table import Reals
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
    best: int | None = None  # id of the likeliest keyframe of the likeliest place
    mass: float = 0.0  # probability of that place
    place: frozenset[int] = frozenset()  # ids of its keyframes
    rival: int | None = None  # id of the likeliest keyframe of the next place
    rival_mass: float = 0.0
    unsupported: float = 0.0  # looks since an image last spoke for the best place
    contrary: int | None = None  # id of the keyframe elsewhere that this image speaks for alone


class Keyframes(Protocol):
    """What a filter needs of a map: ``PlaceMap`` has it."""

    def __len__(self) -> int:
        """How many keyframes there are; the number may change between two updates."""
        ...

    def records(self) -> list[KeyframeRecord]:
        """All keyframes in the order they were appended."""
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
