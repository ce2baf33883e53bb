# SPDX-License-Identifier: Apache-2.0
"""How soon the sequence filter sees that the robot was carried off; part of sequence.py."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np
from recorded import Table, say
from sequence_drives import Drive

from vpr_ros.datatypes import Pose, Query, Verdict
from vpr_ros.geometry.poses import distance
from vpr_ros.recognizer import PlaceRecognizer
from vpr_ros.sequence import BayesFilter, Belief, Look, OdometryStep, SequenceTracker

JUMPS = ((20, 250), (250, 20), (60, 180), (180, 330), (330, 60), (120, 300), (300, 120), (200, 30))
BEFORE, AFTER = 25, 25  # frames before and after a jump
UPRIGHT = (0.0, 0.0, 0.0, 1.0)


def report_jumps(drive: Drive) -> None:
    """One row for each jump."""
    say("")
    names = ("odometry", "recovered after", "old route after 5", "wrong")
    table = Table("jump (frame to frame)", *names)
    for how, use_odometry in (("yes", True), ("no", False)):
        for start, goal in JUMPS:
            frames, mass, wrong = kidnap(drive, start, goal, use_odometry)
            table.row(f"{start + BEFORE} to {goal}", how, f"{frames} frames", f"{mass:.3f}", wrong)


class Watched:
    """The filter; its last belief can be looked at."""

    needs_similarities = BayesFilter.needs_similarities

    def __init__(self, chosen: BayesFilter) -> None:
        self._filter = chosen
        self.belief: Belief | None = None

    def update(self, stamp_ns: int, step: OdometryStep | None, look: Look) -> Belief:
        self.belief = self._filter.update(stamp_ns, step, look)
        return self.belief

    def reload(self) -> None:
        self._filter.reload()


def kidnap(drive: Drive, start: int, goal: int, use_odometry: bool) -> tuple[int, float, int]:
    """Drive on from one frame, go on from another, and let the odometry know nothing of it.

    Returns:
        Frames until the new place is accepted, the highest probability of the old route in
        frames 6 and later after the jump, and the number of wrong ACCEPTED after the jump.
    """
    after = list(jumping(drive, start, goal, use_odometry))[BEFORE:]
    right = (number for number, (accepted, right, _) in enumerate(after, 1) if accepted and right)
    wrong = sum(accepted and not right for accepted, right, _ in after)
    return next(right, -1), max(mass for *_, mass in after[5:]), wrong


def jumping(
    drive: Drive, start: int, goal: int, use_odometry: bool
) -> Iterator[tuple[bool, bool, float]]:
    """Of every frame: accepted, right, and the probability of the route before the jump."""
    numbers = [*range(start, start + BEFORE), *range(goal, goal + AFTER)]
    with drive.opened() as (pipeline, place_map, record):
        worth, config = record.calibration, pipeline.config
        decision, sequence = config.decision, config.sequence
        watched = Watched(BayesFilter(place_map, sequence, decision, worth, config.keyframes))
        tracker = SequenceTracker(watched, place_map, decision, sequence, worth)
        recognizer = PlaceRecognizer(place_map, pipeline.reranker, decision, worth, tracker)
        # Up to where the robot would have come without the jump.
        last = min(start + BEFORE + AFTER, len(drive.queries) - 1)
        ends = [drive.queries[number].stamp_ns for number in (start, last)]
        old = slice(*np.searchsorted(place_map.table.stamps_ns, ends))
        for number, query in zip(numbers, spliced(drive, numbers, use_odometry), strict=True):
            answer = recognizer.answer(query)
            mass = float(watched.belief.keyframes[old].sum())
            is_accepted = answer.verdict is Verdict.ACCEPTED
            yield is_accepted, drive.is_first_right(number, answer), mass


def spliced(drive: Drive, numbers: list[int], use_odometry: bool) -> Iterator[Query]:
    """Queries as of one drive; of odometry, only the length along the way is kept."""
    queries = drive.queries
    period = queries[1].stamp_ns - queries[0].stamp_ns
    lengths = [distance(a.odometry, b.odometry) for a, b in pairwise(queries)]
    # The jump counts as an ordinary step.
    ways = np.cumsum([0.0, *(lengths[number - 1] for number in numbers[1:])])
    for count, (number, way) in enumerate(zip(numbers, ways.tolist(), strict=True)):
        odometry = Pose((way, 0.0, 0.0), UPRIGHT, "odom") if use_odometry else None
        yield replace(queries[number], stamp_ns=count * period, odometry=odometry)
