# SPDX-License-Identifier: Apache-2.0
"""What came out of a demonstration, in numbers, and whether it did its job."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from vpr_ros.demo.sightings import Sighting
from vpr_ros.evaluation.judge import Truth
from vpr_ros.evaluation.verdicts import Tally

LEAST_PRECISION = 0.95
LEAST_RECALL = 0.5


@dataclass(frozen=True)
class Outcome:
    """The answers to one drive, held against what was sent and what is true."""

    tally: Tally  # over the answers, each frame's first
    sent: int  # images in the query bag
    lost: int  # images without an answer
    duplicated: int  # answers beyond the first one of an image
    positives: int  # images sent whose place is in the map
    judged: bool  # whether the truth is known
    keyframes: int  # in the map

    @property
    def recall(self) -> float:
        """Accepted and right ones among the positives, a lost image being neither."""
        return self.tally.found / self.positives if self.positives else math.nan

    def to_json(self) -> dict[str, Any]:
        """All numbers; what the truth would have to tell is null where it is not known."""
        numbers = self.tally.to_json()
        numbers["answered"], numbers["frames"] = numbers["frames"], self.sent
        numbers |= {"lost": self.lost, "duplicated": self.duplicated, "keyframes": self.keyframes}
        numbers["positives"] = self.positives
        numbers["recall"] = None if math.isnan(self.recall) else self.recall
        if not self.judged:
            unknown = ("right", "wrong", "found", "positives", "unjudged", "precision", "recall")
            numbers |= dict.fromkeys(unknown)
        return numbers

    def shortcomings(self, strict: bool) -> list[str]:
        """Why the demonstration failed; empty if it did its job.

        Args:
            strict: Whether precision and recall are held against what the simulated drive allows.
        """
        if not self.tally.accepted:
            return ["no match was accepted"]
        if not strict:
            return []
        found = []
        if not self.tally.precision >= LEAST_PRECISION:
            found.append(f"precision {self.tally.precision:.3f} is below {LEAST_PRECISION}")
        if not self.recall >= LEAST_RECALL:
            found.append(f"recall {self.recall:.3f} is below {LEAST_RECALL}")
        return found


def conclude(
    sightings: Sequence[Sighting],
    sent_ns: Sequence[int],
    keyframes_ns: Sequence[int],
    truth: Truth | None,
) -> Outcome:
    """Count.

    Args:
        sightings: Every answer that came, in any order.
        sent_ns: Stamps of the images in the query bag.
        keyframes_ns: Stamps of the map's keyframes.
        truth: The true trajectories, None if not known.
    """
    counts = Counter(sighting.stamp_ns for sighting in sightings)
    first = {sighting.stamp_ns: sighting.answer for sighting in reversed(sightings)}
    answers = list(first.values())
    known = truth or Truth([], [])
    return Outcome(
        tally=Tally.of(answers, known.outcomes(answers, keyframes_ns)),
        sent=len(sent_ns),
        lost=len(set(sent_ns) - counts.keys()),
        duplicated=sum(count - 1 for count in counts.values()),
        positives=sum(known.has_positive(stamp, keyframes_ns) is True for stamp in sent_ns),
        judged=truth is not None,
        keyframes=len(keyframes_ns),
    )
