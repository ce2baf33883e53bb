# SPDX-License-Identifier: Apache-2.0
"""The localizer's answers to one drive, counted: what a robot would have been told."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from vpr_ros.datatypes import Recognition, Verdict
from vpr_ros.evaluation.judge import Limits, Truth
from vpr_ros.evaluation.metrics.cost import Latency, latencies
from vpr_ros.evaluation.outcomes import Outcomes


@dataclass(frozen=True)
class Tally:
    """The answers to one drive, counted."""

    frames: int
    accepted: int
    ambiguous: int
    unknown: int
    right: int  # of the accepted
    wrong: int  # of the accepted
    unjudged: int  # of the accepted: the truth at their stamps is not known
    positives: int  # frames that the map shows
    found: int  # of the positives: accepted and right
    latency_ms: dict[str, Latency]  # stage -> milliseconds, "total" last

    @classmethod
    def of(cls, answers: Sequence[Recognition | None], outcomes: Outcomes) -> Tally:
        """Count the answers, [Q], and what became of them."""
        given = [answer for answer in answers if answer is not None]
        verdicts = [answer.verdict for answer in given]
        judged = outcomes.accepted & outcomes.judged
        return cls(
            frames=len(given),
            accepted=verdicts.count(Verdict.ACCEPTED),
            ambiguous=verdicts.count(Verdict.AMBIGUOUS),
            unknown=verdicts.count(Verdict.UNKNOWN),
            right=int((judged & outcomes.right).sum()),
            wrong=int((judged & ~outcomes.right).sum()),
            unjudged=int((outcomes.accepted & ~outcomes.judged).sum()),
            positives=int(outcomes.findable.sum()),
            found=int((judged & outcomes.right & outcomes.findable).sum()),
            latency_ms=latencies([answer.timings_s for answer in given]),
        )

    @property
    def precision(self) -> float:
        """Right ones among the judged accepted ones, NaN if there are none."""
        judged = self.right + self.wrong
        return self.right / judged if judged else math.nan

    @property
    def recall(self) -> float:
        """Accepted and right ones among the frames with a positive, NaN if there are none."""
        return self.found / self.positives if self.positives else math.nan

    def to_json(self) -> dict[str, Any]:
        """All numbers as ``json.dumps`` takes them; NaN becomes None."""
        ratios = {"precision": self.precision, "recall": self.recall}
        nullable = {name: None if math.isnan(value) else value for name, value in ratios.items()}
        return {**asdict(self), **nullable}


@dataclass(frozen=True)
class Verdicts:
    """The answers to Q images of a drive, judged."""

    tally: Tally
    outcomes: Outcomes  # [Q]
    keyframes: int  # in the map
    causes: Mapping[str, int]  # why answers were not accepted, the most frequent first
    limits: Limits

    @classmethod
    def of(
        cls,
        answers: Sequence[Recognition | None],
        truth: Truth,
        keyframe_stamps: Sequence[int],
        database_stamps: Sequence[int] | None = None,
    ) -> Verdicts:
        """Judge answers; the arguments are those of ``Truth.outcomes``."""
        outcomes = truth.outcomes(answers, keyframe_stamps, database_stamps)
        tally = Tally.of(answers, outcomes)
        return cls(tally, outcomes, len(keyframe_stamps), _causes(answers), truth.limits)


def _causes(answers: Sequence[Recognition | None]) -> dict[str, int]:
    """How often each cause kept an answer from being accepted, the most frequent first."""
    causes = (a.cause.value for a in answers if a and a.verdict is not Verdict.ACCEPTED)
    return dict(Counter(causes).most_common())
