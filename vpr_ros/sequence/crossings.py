# SPDX-License-Identifier: Apache-2.0
"""Where drives meet: cells that lie near each other though they are far apart along the route.

A robot that reaches one of them may go on along the other, in either direction: forks, crossings,
the closing of a loop, and streets driven twice are all the same thing here.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from vpr_ros.place_map.keyframe_table import NO_FRAME, Numbers, Reals
from vpr_ros.sequence.route import Leg, Route

_REACH = 2.0  # cells: the side of the squares in which cells are near each other
_APART = 8  # cells along the route that make it another passage of the same square


@dataclass(frozen=True)
class Crossings:
    """M pairs of cells, each in both orders."""

    origins: Numbers  # [M] cell
    targets: Numbers  # [M] cell
    turned: Reals  # [M] part of the mass that goes on against the target's direction
    degrees: Numbers  # [M] how many targets the origin has

    def exchange(self, belief: Reals, rate: float) -> None:
        """Let a part of the mass go on along the other route, in place.

        Args:
            belief: [2, C] mass in and against the direction of the drives.
            rate: the part that leaves a cell which has targets.
        """
        if not len(self.origins):
            return
        leaving = belief[:, self.origins] * (rate / self.degrees)
        arriving = leaving + self.turned * (leaving[::-1] - leaving)
        cells, counts = self._involved, len(self._involved)
        for way in (0, 1):
            flow = np.bincount(self._target_places, arriving[way], minlength=counts)
            flow -= np.bincount(self._origin_places, leaving[way], minlength=counts)
            belief[way, cells] = np.maximum(belief[way, cells] + flow, 0.0)

    @cached_property
    def _involved(self) -> Numbers:
        """The cells that have a crossing, each once, in order."""
        return np.unique(self.origins)

    @cached_property
    def _origin_places(self) -> Numbers:
        return np.searchsorted(self._involved, self.origins)

    @cached_property
    def _target_places(self) -> Numbers:
        return np.searchsorted(self._involved, self.targets)


def find_crossings(route: Route) -> Crossings:
    """All meetings of drives whose poses are given in frames of one name.

    Drives whose frames share the name but not the origin get crossings that are not there. They do
    little harm: what comes over one finds no support on the other side.
    """
    places = [_places(route, leg) for leg in route.legs if leg.has_meters]
    if not places:
        return _paired(np.empty((0, 2), np.int64), np.zeros(0))
    cells, frames, positions, headings = (
        np.concatenate(each) for each in zip(*places, strict=True)
    )
    side = _REACH * route.spacing
    # Two grids, half a square apart: what one cuts through lies within a square of the other.
    meetings = [_meetings(frames, np.floor(positions / side + shift)) for shift in (0.0, 0.5)]
    pairs = np.unique(np.concatenate(meetings), axis=0)
    alignment = np.einsum("ij,ij->i", headings[pairs[:, 0]], headings[pairs[:, 1]])
    return _paired(cells[pairs], alignment)


def _places(route: Route, leg: Leg) -> tuple[Numbers, Numbers, Reals, Reals]:
    """Cells [N] of a leg, their frames [N], positions [N, 3] in meters, headings [N, 3]."""
    known = np.flatnonzero(route.table.frames[leg.rows] != NO_FRAME) + leg.rows.start
    cells = np.arange(leg.cells.start, leg.cells.stop)
    at = route.cell_of[known]
    axes = [np.interp(cells, at, route.table.positions[known, axis]) for axis in range(3)]
    positions = np.stack(axes, axis=1)
    ahead = np.diff(positions, axis=0, append=positions[-1:])
    if len(ahead) > 1:
        ahead[-1] = ahead[-2]
    lengths = np.linalg.norm(ahead, axis=1, keepdims=True)
    nearest = np.minimum(np.searchsorted(at, cells), len(at) - 1)
    frames = route.table.frames[known][nearest]
    return cells, frames, positions, ahead / np.maximum(lengths, 1e-9)


def _meetings(frames: Numbers, squares: Reals) -> Numbers:
    """Pairs [M, 2] of places in one square that belong to passages one after the other."""
    order = np.lexsort((*squares.T, frames))  # stable: within a square in the order of the route
    same = frames[order][1:] == frames[order][:-1]
    same &= (squares[order][1:] == squares[order][:-1]).all(axis=1)
    left, right = order[:-1][same], order[1:][same]
    far = right - left > _APART
    pairs: Numbers = np.stack([left[far], right[far]], axis=1)
    return pairs


def _paired(pairs: Numbers, alignment: Reals) -> Crossings:
    origins = np.concatenate([pairs[:, 0], pairs[:, 1]])
    targets = np.concatenate([pairs[:, 1], pairs[:, 0]])
    turned = np.tile(np.clip((1.0 - alignment) / 2.0, 0.0, 1.0), 2)
    _, inverse, counts = np.unique(origins, return_inverse=True, return_counts=True)
    return Crossings(origins, targets, turned, counts[inverse])
