# SPDX-License-Identifier: Apache-2.0
"""A discrete Bayes filter over the cells of a route and "off the map".

The hidden state is a cell and whether the robot faces along the drive that made the map or against
it; odometry that runs backwards moves both the other way. Source: the histogram filter (Thrun,
Burgard and Fox, Probabilistic Robotics, 2005, chapter 4), with likelihoods raised to the part of a
look that an image is worth, since images of one view are not independent.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from vpr_ros.calibration_curve import Calibration
from vpr_ros.config import DecisionConfig, KeyframeConfig, SequenceConfig
from vpr_ros.datatypes import RESTART_NS, KeyframeRecord
from vpr_ros.place_map.keyframe_table import KeyframeTable, Numbers, Reals
from vpr_ros.sequence.base import Belief, Keyframes, Look
from vpr_ros.sequence.crossings import find_crossings
from vpr_ros.sequence.evidence import Evidence
from vpr_ros.sequence.freshness import Freshness
from vpr_ros.sequence.motion import Motion, OdometryStep
from vpr_ros.sequence.places import summarized
from vpr_ros.sequence.route import Route

_TURN_ROUND = 0.01  # part that turns round, with each look
_BRANCH = 0.05  # part that changes to a crossing drive, with each cell
_GROWN = 1.1  # crossings are looked for again when the map has grown by this factor
_FIRST_LOOK = 0.5  # on the map or off it: what is known before the first image


class BayesFilter:
    """Belief over a map that may grow; one update costs a few passes over its cells."""

    needs_similarities = False

    def __init__(
        self,
        keyframes: Keyframes,
        config: SequenceConfig,
        decision: DecisionConfig,
        calibration: Calibration,
        steps: KeyframeConfig,
    ) -> None:
        self._keyframes = keyframes
        self._config = config
        self._decision = decision
        self._steps = steps
        self._evidence = Evidence(config, decision, calibration)
        self._stamp_ns: int | None = None
        self._motion = Motion(config)
        self._freshness = Freshness(steps)
        self._unsupported = 0.0
        self._lay_out(keyframes.table)
        self._belief = np.zeros((2, self._route.cells))  # along and against the drives, [2, C]
        self._off_map = 1.0
        self._know_nothing()

    def update(self, stamp_ns: int, step: OdometryStep | None, look: Look) -> Belief:
        """Move the belief by a step, weigh it by a look, and sum it up.

        Args:
            stamp_ns: the image's stamp; one long before the last starts over (``RESTART_NS``).
            step: what odometry says since the last update, None if it says nothing.
            look: what the image says by itself.
        """
        if self._stamp_ns is not None and stamp_ns < self._stamp_ns - RESTART_NS:
            self._start_over()
            step = None
        self._follow_map()
        before = stamp_ns if self._stamp_ns is None else self._stamp_ns
        self._stamp_ns = max(stamp_ns, before)
        seconds = (self._stamp_ns - before) * 1e-9
        worth = self._freshness.of(step, look.descriptor, look.camera)
        if step is None and worth == 0.0:
            self._motion.wait(seconds)
        else:
            self._predict(step, seconds, worth)
        named, ratios = self._evidence.ratios(look.candidates, self._route)
        self._correct(named, ratios, worth)
        belief = self._summary(named[ratios > 1.0], worth)
        return replace(belief, contrary=self._contrary(belief, look))

    def recalibrate(self, calibration: Calibration) -> None:
        """See ``SequenceFilter``; what was believed is kept."""
        self._evidence.calibration = calibration

    def reload(self) -> None:
        """Read all keyframes again, keeping what is believed of each: poses were corrected."""
        before = self._route
        self._lay_out(self._keyframes.table)
        rows = before.table.rows_in(self._route.table)[: len(before.cell_of)]
        self._belief = np.stack(
            [
                self._route.from_keyframes(self._moved(before.on_keyframes(way), rows))
                for way in self._belief
            ]
        )
        self._normalize()

    def _moved(self, masses: Reals, rows: Numbers) -> Reals:
        """Masses of keyframes in the rows that these have now; -1 for one that is gone."""
        moved = np.zeros(len(self._route.table))
        moved[rows[rows >= 0]] = masses[rows >= 0]
        return moved

    def _lay_out(self, table: KeyframeTable) -> None:
        self._route = Route(table)
        self._crossings = find_crossings(self._route)
        self._laid_out = self._linked = len(table)

    def _follow_map(self) -> None:
        """Take in the keyframes that the map got since the last update."""
        table, known = self._keyframes.table, len(self._route.cell_of)
        count = len(table)
        if table is not self._route.table or count >= 2 * max(self._laid_out, 1):
            self.reload()
        elif count > known:
            if not self._route.prolong():
                # With the old spacing the old cells stay what they are.
                self._route = Route(table, self._route.spacing)
            missing = self._route.cells - self._belief.shape[1]
            self._belief = np.pad(self._belief, ((0, 0), (0, missing)))
            if count >= _GROWN * self._linked:
                self._crossings = find_crossings(self._route)
                self._linked = count

    def _start_over(self) -> None:
        self._stamp_ns = None
        self._motion = Motion(self._config)
        self._freshness = Freshness(self._steps)
        self._unsupported = 0.0
        self._know_nothing()

    def _know_nothing(self) -> None:
        self._belief = np.zeros((2, self._route.cells))
        self._enter(1.0 - _FIRST_LOOK)
        self._off_map = _FIRST_LOOK

    def _enter(self, mass: float) -> None:
        """Spread mass over the whole map."""
        each = mass / max(self._route.cells, 1)
        self._belief[0] += (1.0 - self._config.reverse) * each
        self._belief[1] += self._config.reverse * each

    def _predict(self, step: OdometryStep | None, seconds: float, worth: float) -> None:
        moved = self._motion.advance(self._belief, self._route, step, seconds)
        self._crossings.exchange(self._belief, _BRANCH * min(1.0, moved))
        if self._config.reverse > 0.0:
            turning = _TURN_ROUND * worth * (self._belief[1] - self._belief[0])
            self._belief[0] += turning
            self._belief[1] -= turning
        self._belief *= 1.0 - self._config.leave * worth
        # What moved over the end of a drive is off the map, too.
        off_map = max(0.0, 1.0 - float(self._belief.sum()))
        entering = self._config.enter * worth * off_map
        self._enter(entering)
        self._off_map = off_map - entering

    def _correct(self, named: Numbers, ratios: Reals, worth: float) -> None:
        """Weigh the cells that the image names, and all others."""
        unnamed = self._config.miss**worth
        self._belief[:, named] *= (ratios / self._config.miss) ** worth
        total = unnamed * float(self._belief.sum()) + self._off_map
        self._belief *= unnamed / total
        self._off_map /= total

    def _normalize(self) -> None:
        total = float(self._belief.sum()) + self._off_map
        self._belief /= total
        self._off_map /= total

    def _summary(self, supported: Numbers, worth: float) -> Belief:
        """The belief in keyframes.

        Args:
            supported: cells that the image speaks for, [M].
            worth: part of a look that the image is worth.
        """
        route = self._route
        masses = route.on_keyframes(self._belief.sum(axis=0))
        belief = summarized(masses, self._off_map, route.table, self._decision)
        taken = set(route.cell_of[route.table.rows_of(belief.place)].tolist())
        agrees = not taken.isdisjoint(route.home_of[supported].tolist())
        self._unsupported = 0.0 if agrees else self._unsupported + worth
        return replace(belief, unsupported=self._unsupported)

    def _contrary(self, belief: Belief, look: Look) -> KeyframeRecord | None:
        """The keyframe of another place that this image would be accepted for by itself."""
        if belief.unsupported == 0.0:
            return None
        trusted = (c for c in look.candidates if self._evidence.would_accept(c))
        best = next(trusted, None)
        if best is None or best.keyframe.key in belief.place:
            return None
        return best.keyframe
