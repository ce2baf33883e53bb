# SPDX-License-Identifier: Apache-2.0
"""What a rerank score is worth: how the odds of a right answer grow with it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache

FEWEST_AGAIN = 20  # right answers from another drive, to rest a calibration on
USUAL = (0.5, 0.9)  # quantiles of the scores of all candidates that were wrong, best or not


@dataclass(frozen=True)
class Tail:
    """How the wrong answers of one kind get rarer as their score grows: exponentially."""

    start: float  # a rerank score
    share: float  # part of the images that are answered so, with a score of ``start`` or more
    scale: float  # by how much those exceed it, on average; in units of the score

    def log_share(self, score: float) -> float:
        """Logarithm of the part of the images that are answered so with this score or more."""
        return math.log(self.share) - (score - self.start) / self.scale

    def score_at(self, log_share: float) -> float:
        """The score that has this ``log_share``."""
        return self.start + self.scale * (math.log(self.share) - log_share)


@dataclass(frozen=True)
class Calibration:
    """What a rerank score is worth: the odds of a right answer grow as wrong ones get rarer."""

    tails: tuple[Tail, ...]  # one for each kind of wrong answers, at least one
    found: float  # part of the images that are answered right with scores that matter
    of_map: bool = False  # fitted to a map, rather than set by hand for all maps

    def log_odds(self, score: float) -> float:
        """Of being right, for an answer with this score.

        Densities compare: shares divided by scales. Right answers are supposed to spread as widely
        as the widest kind of wrong ones; they spread wider.
        """
        parts = [each.log_share(score) + self._narrowness(each) for each in self.tails]
        most = max(parts)
        return math.log(self.found) - most - math.log(sum(math.exp(p - most) for p in parts))

    def stretched(self, factor: float) -> Calibration:
        """The same for scores that are all larger by a factor: ``needed_score`` grows by it."""
        tails = (Tail(factor * t.start, t.share, factor * t.scale) for t in self.tails)
        return replace(self, tails=tuple(tails))

    def _narrowness(self, tail: Tail) -> float:
        """Logarithm of how many times narrower a tail is than the widest."""
        return math.log(max(each.scale for each in self.tails) / tail.scale)

    def probability(self, score: float) -> float:
        """That an answer with this score is right; it never falls as scores grow."""
        return 1.0 / (1.0 + math.exp(-max(-60.0, min(60.0, self.log_odds(score)))))

    def needed_score(self, precision: float) -> float:
        """The least rerank score at which an answer is right with this probability.

        All answers that score more are right more often: their precision is at least this.
        """
        return _needed_score(self, precision)


@lru_cache(maxsize=64)
def _needed_score(calibration: Calibration, precision: float) -> float:
    """Found by halving, once for the many answers whose reasons name it."""
    wanted = min(max(precision, 1e-9), 1.0 - 1e-9)
    allowed = math.log(calibration.found) - math.log(wanted / (1.0 - wanted))
    limits = [(each, allowed - calibration._narrowness(each)) for each in calibration.tails]
    # Each kind alone must stay below what is allowed, and need not stay below an equal part.
    low = max(tail.score_at(limit) for tail, limit in limits)
    high = max(tail.score_at(limit - math.log(len(limits))) for tail, limit in limits)
    for _ in range(60):
        middle = 0.5 * (low + high)
        enough = calibration.log_odds(middle) >= math.log(wanted / (1.0 - wanted))
        low, high = (low, middle) if enough else (middle, high)
    return high


@dataclass(frozen=True)
class CalibrationRecord:
    """A calibration, and what it was made of: scores of a map's answers to its own keyframes."""

    calibration: Calibration
    keyframes: int  # in the map when this was made
    settings: str  # of the comparison and of the decision: with others, scores are worth another
    made_ns: int  # when, nanoseconds since 1970
    right: tuple[float, ...]  # of right answers, ascending
    beyond: tuple[float, ...]  # of wrong ones from just beyond the place's border, ascending
    elsewhere: tuple[float, ...]  # of wrong ones from farther away, ascending
    look_alikes: int  # answers left out: as good as the neighbors, yet said to be elsewhere
    usual: tuple[float, ...] = ()  # what candidates at other places scored, see ``USUAL``
    again: tuple[float, ...] = ()  # of right answers from another drive of the map, ascending

    @property
    def is_by_second_drive(self) -> bool:
        """Whether another drive tells what right answers score, rather than the keyframes beside.

        Fewer samples are told, and not relied on.
        """
        return self.calibration.of_map and len(self.again) >= FEWEST_AGAIN

    def out_of_reach(self, precision: float) -> str:
        """Why hardly an answer will be accepted, in words; empty where that is not to be feared."""
        needed = self.calibration.needed_score(precision)
        if not self.right or needed <= self.right[-1]:
            return ""
        return (
            f"precision {precision:g} needs a score of {needed:.0f}, and even keyframes side by "
            f"side reach no more than {self.right[-1]:.0f}: hardly anything will be accepted"
        )
