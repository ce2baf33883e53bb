# SPDX-License-Identifier: Apache-2.0
"""What the images of a map look like as a whole, and how far its drives are from one another.

Light, season, weather, the camera and the surroundings move all global descriptors of a drive
alike, so that they show in its mean. Distances are told in spreads: 1 is as far as a keyframe is
from the mean of its own drive, typically.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vpr_ros.datatypes import FloatArray
from vpr_ros.place_map.base import Map
from vpr_ros.place_map.keyframe_table import Reals

FEWEST = 20  # keyframes whose mean tells something of a drive
_SAME = 1e-3  # spread of descriptors that are one but for rounding
_ASKED = 20_000  # keyframes at most, evenly from the whole map: opening a large one stays quick


@dataclass(frozen=True)
class Looks:
    """The means of a map's drives; D is the size of a global descriptor."""

    sessions: tuple[str, ...]  # names of the drives, in their order
    means: FloatArray  # [len(sessions), D]
    spread: float  # root mean square distance of keyframes from the mean of their drive

    def distance(self, mean: Reals) -> float:
        """Spreads between the mean of other images, [D], and that of the nearest drive."""
        return float(np.linalg.norm(self.means - mean, axis=1).min()) / self.spread

    def between(self) -> dict[str, float]:
        """For each drive, the spreads to the nearest other one; empty if there is but one."""
        if len(self.sessions) < 2:
            return {}
        far = np.linalg.norm(self.means[:, None] - self.means[None], axis=2) / self.spread
        np.fill_diagonal(far, np.inf)
        return dict(zip(self.sessions, far.min(axis=1).tolist(), strict=True))


def looks_of(place_map: Map) -> Looks | None:
    """What a map looks like, None where no drive has enough keyframes to tell.

    Args:
        place_map: a map that is open to be searched.

    Raises:
        MapError: it cannot be read.
    """
    table = place_map.table
    rows = np.arange(0, len(table), 1 + len(table) // _ASKED)
    descriptors, sessions = place_map.descriptors(rows), table.sessions[rows]
    numbers, counts = np.unique(sessions, return_counts=True)
    parts = [descriptors[sessions == number] for number in numbers[counts >= FEWEST]]
    if not parts:
        return None
    means = np.stack([part.mean(axis=0) for part in parts])
    offsets = np.concatenate([part - mean for part, mean in zip(parts, means, strict=True)])
    spread = float(np.sqrt((offsets**2).sum(axis=1).mean()))
    names = tuple(table.session_name(number) for number in numbers[counts >= FEWEST].tolist())
    return Looks(names, means, spread) if spread > _SAME else None
