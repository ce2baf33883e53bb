# SPDX-License-Identifier: Apache-2.0
"""The drives of a map as lines that are cut in cells of equal length.

Keyframes stand at uneven distances: denser in bends, on top of each other where the robot turned on
the spot. Belief that moves from keyframe to keyframe would be slowed down or blurred by that. On
cells of one length, driving a distance is a shift by a whole number of cells, whatever is left
over waits for the next step, and nothing blurs but what odometry really does not know.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from vpr_ros.place_map.keyframe_table import NO_FRAME, KeyframeTable, Numbers, Reals

_HOLE = 10.0  # typical gaps: what a longer gap between two keyframes counts for at most
_STANDING = 0.05  # meters: keyframes nearer than this were taken while turning on the spot
_DEFAULT_SPACING = 1.0  # meters, for a map of too few keyframes to tell


@dataclass(frozen=True)
class Leg:
    """The cells of one session."""

    cells: slice
    rows: slice  # the session's keyframes
    has_meters: bool  # whether cells have a length in meters: the keyframes have poses
    speed: float  # cells per second at which the drive was mapped; 0 if unknown


class Route:
    """Where the keyframes of a table stand along their drives; C is the number of cells."""

    def __init__(self, table: KeyframeTable, spacing: float | None = None) -> None:
        """Lay out all drives, one behind the other.

        Args:
            table: the keyframes.
            spacing: meters of a cell; None for the typical distance of two keyframes.
        """
        self.table = table
        self.home_of: Numbers = np.empty(0, np.int64)  # [C] see ``_homes``
        self._along = 0.0  # meters from the beginning of the last drive to its end
        gaps = [_gaps(table, rows) for rows in table.drives]
        self.spacing = spacing or _typical_spacing(gaps)
        self.cell_of: Numbers = np.zeros(len(table), np.int64)  # [K]
        self.legs: list[Leg] = []
        for rows, between in zip(table.drives, gaps, strict=True):
            self._add(rows, between)
        self._count()

    @property
    def cells(self) -> int:
        """C."""
        return self.legs[-1].cells.stop if self.legs else 0

    def prolong(self) -> bool:
        """Lay out the keyframes that the table got, behind the cells that there are.

        Returns:
            False if they do not simply go on where the last drive ended; then nothing is done, and
            a new route must be laid out.
        """
        first, table = len(self.cell_of), self.table
        if not self.legs or table.drives[-1].start != self.legs[-1].rows.start:
            return False
        frames = table.frames[first - 1 :]
        if not self.legs[-1].has_meters or frames[0] == NO_FRAME or (frames != frames[0]).any():
            return False
        steps = np.linalg.norm(np.diff(table.positions[first - 1 :], axis=0), axis=1)
        self._prolong(np.minimum(steps, _HOLE * self.spacing))
        self._count()
        return True

    def on_keyframes(self, cells: Reals) -> Reals:
        """The mass of cells [C] given to the keyframes [K] that stand nearest."""
        if not self.legs:
            return np.zeros(0)
        empty = self._empty
        moved = np.bincount(self.home_of[empty], weights=cells[empty], minlength=self.cells)
        shared: Reals = (cells + moved)[self.cell_of] / self._sharing
        return shared

    def from_keyframes(self, masses: Reals) -> Reals:
        """The mass of keyframes [K] in their cells [C]."""
        cells: Reals = np.bincount(self.cell_of, weights=masses, minlength=self.cells).astype(float)
        return cells

    def _add(self, rows: slice, gaps: Reals | None) -> None:
        start, count = self.cells, rows.stop - rows.start
        if gaps is None:
            offsets = np.arange(count)
        else:
            limited = np.minimum(gaps, _HOLE * self.spacing)
            along = np.concatenate([[0.0], np.cumsum(limited)])
            self._along = float(along[-1])
            offsets = np.rint(along / self.spacing).astype(np.int64)
        self.cell_of[rows] = start + offsets
        cells = slice(start, start + int(offsets[-1]) + 1)
        self.home_of = np.concatenate([self.home_of, _homes(self.cell_of[rows])])
        speed = _speed(self.table.stamps_ns[rows], int(offsets[-1]))
        self.legs.append(Leg(cells, rows, gaps is not None, speed))

    def _prolong(self, steps: Reals) -> None:
        """Let the last drive go on by so many meters from keyframe to keyframe."""
        leg = self.legs[-1]
        along = np.cumsum([self._along, *steps])[1:]  # rounded as in one sum over all
        self._along = float(along[-1])
        added = leg.cells.start + np.rint(along / self.spacing).astype(np.int64)
        behind = _homes(np.concatenate([self.cell_of[-1:], added]))
        self.home_of = np.concatenate([self.home_of[:-1], behind])
        self.cell_of = np.concatenate([self.cell_of, added])
        cells = slice(leg.cells.start, int(added[-1]) + 1)
        self.legs[-1] = replace(leg, cells=cells, rows=slice(leg.rows.start, len(self.cell_of)))

    def _count(self) -> None:
        """Find out how many keyframes [K] stand in each one's cell, and cells in which none do."""
        self._sharing = np.bincount(self.cell_of, minlength=self.cells)[self.cell_of]
        self._empty = np.flatnonzero(self.home_of != np.arange(self.cells))


def _homes(taken: Numbers) -> Numbers:
    """For each cell from the first to the last of those taken by keyframes, the nearest of them.

    Args:
        taken: cells of the keyframes of one drive, ascending.
    """
    edges = (taken[:-1] + taken[1:]) // 2 + 1
    homes: Numbers = taken[np.searchsorted(edges, np.arange(taken[0], taken[-1] + 1), "right")]
    return homes


def _gaps(table: KeyframeTable, rows: slice) -> Reals | None:
    """Meters between the keyframes of a drive, None where too few poses tell."""
    frames, positions = table.frames[rows], table.positions[rows]
    known = np.flatnonzero(frames != NO_FRAME)
    if len(known) < 2:
        return None
    # A pose that is missing between others is not worth a hole in the route.
    numbers = np.arange(len(frames))
    filled = np.stack([np.interp(numbers, known, axis[known]) for axis in positions.T], axis=1)
    gaps = np.linalg.norm(np.diff(filled, axis=0), axis=1)
    # Between two frames the distance is unknown; the drive went on, so it is neither 0 nor far.
    same = np.diff(np.interp(numbers, known, frames[known])) == 0
    typical = _typical_spacing([gaps[same]])
    return np.where(same, gaps, typical)


def _typical_spacing(gaps: list[Reals | None]) -> float:
    moved = [each[each > _STANDING] for each in gaps if each is not None]
    every = np.concatenate(moved) if moved else np.zeros(0)
    return float(np.median(every)) if len(every) else _DEFAULT_SPACING


def _speed(stamps_ns: Numbers, cells: int) -> float:
    """Cells per second; a pause longer than ten typical gaps counts for ten."""
    gaps = np.maximum(np.diff(stamps_ns) * 1e-9, 0.0)
    moving = gaps[gaps > 0.0]
    if not len(moving):
        return 0.0
    return cells / float(np.minimum(moving, _HOLE * np.median(moving)).sum())
