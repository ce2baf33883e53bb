# SPDX-License-Identifier: Apache-2.0
"""From probabilities of keyframes to the places that a robot asks for.

Drives need not share an origin, so their places cannot be told apart or taken for one. They get
the benefit of the doubt that ``decision.same_place`` gives them: the likeliest place is the sum
of what each drive thinks likeliest, and rivals are looked for within one drive. Of maps that do not
overlap, the others' likeliest places are rivals.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import compress

import numpy as np

from vpr_ros.config import DecisionConfig
from vpr_ros.place_map.keyframe_table import Flags, KeyframeTable, Reals
from vpr_ros.sequence.base import Belief

_MATTERS = 0.01  # probability from which a drive is asked for its places
_WINDOW = 2  # keyframes to each side over which a peak is looked for


def summarized(
    masses: Reals, off_map: float, table: KeyframeTable, config: DecisionConfig
) -> Belief:
    """A belief with its likeliest places.

    Args:
        masses: [K] probabilities of the keyframes.
        off_map: what is left for being off the map.
        table: the keyframes.
        config: what keyframes make one place.
    """
    drives = [rows for rows in table.drives if masses[rows].sum() >= _MATTERS]
    places = [_likeliest(masses[rows], rows, table, config) for rows in drives]
    if not places:
        return Belief(masses, off_map)
    best = max(places, key=lambda place: place.mass)
    rivals = [
        _likeliest(np.where(place.near, 0.0, masses[rows]), rows, table, config)
        for rows, place in zip(drives, places, strict=True)
        if masses[rows].sum() - place.mass >= _MATTERS
    ]
    joined = [config.maps_overlap or table.are_one_map(best.row, place.row) for place in places]
    rivals += [place for place, is_joined in zip(places, joined, strict=True) if not is_joined]
    rival = max(rivals, key=lambda place: place.mass, default=None)
    drives, places = list(compress(drives, joined)), list(compress(places, joined))
    near = [
        rows.start + np.flatnonzero(place.near) for rows, place in zip(drives, places, strict=True)
    ]
    return Belief(
        masses,
        off_map,
        best=table.record(best.row),
        mass=min(1.0, sum(place.mass for place in places)),
        place=frozenset(table.keys(np.concatenate(near).tolist())),
        rival=table.record(rival.row) if rival else None,
        rival_mass=rival.mass if rival else 0.0,
    )


@dataclass(frozen=True)
class _Place:
    """A place of one drive of R keyframes."""

    row: int
    mass: float
    near: Flags  # [R] which keyframes of the drive show it


def _likeliest(masses: Reals, rows: slice, table: KeyframeTable, config: DecisionConfig) -> _Place:
    row = rows.start + _peak(masses)
    near = table.near(row, rows, config)
    return _Place(row, float(masses[near].sum()), near)


def _peak(masses: Reals) -> int:
    """The likeliest of the keyframes around which most of the mass is."""
    padded = np.concatenate([np.zeros(_WINDOW + 1), masses, np.zeros(_WINDOW)])
    sums = np.cumsum(padded, out=padded)
    middle = int(np.argmax(sums[2 * _WINDOW + 1 :] - sums[: len(masses)]))
    start = max(middle - _WINDOW, 0)
    return start + int(np.argmax(masses[start : middle + _WINDOW + 1]))
