# SPDX-License-Identifier: Apache-2.0
"""Asks a map for its own keyframes: what would right answers score, and what would wrong ones?

Wrong answers: a keyframe is the query, its place is hidden, and the real retrieval and reranking
look for it in the rest. Whatever comes out best is wrong, and it is the best of all that the map
can offer, as a false match always is; scores of random pairs would promise far too much.

There are two kinds. If all keyframes of the place are hidden, and keyframes stand close, the best
answer mostly comes from just *beyond* the border of the place and shows nearly the same view. It is
wrong all the same, and the hardest to tell, but robots are rarely just there. If the surroundings
are hidden, too, the answer comes from truly *elsewhere*: this is what a robot off the map gets.
Answers that see the scene from clearly nearer or farther count as 0: they are refused anyway.

Right answers: the keyframes before and behind. Light, weather and cars are those of the same drive,
so these are easier than a later visit is. Hence nothing may rest on how high they score: ``fit.py``
only asks if they beat the wrong ones.

Where another drive of the map shows the same places (``second_drive.py``), it is asked, too: what
right answers score in other light, and how often a wrong one beats them. Wrong answers of the own
drive stay what the needed score rests on: they are the ones hardest to tell, and today's drive may
be more like the one than like the other.

The sample is counted, never timed, so that a map is worth the same on every machine. A survey that
is cut short goes on where it stopped.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from vpr_ros.calibration.second_drive import SecondDrives, Sight
from vpr_ros.calibration_curve import FEWEST_AGAIN, USUAL
from vpr_ros.config import DecisionConfig
from vpr_ros.datatypes import Comparison, Features, FloatArray
from vpr_ros.place_map import Map
from vpr_ros.place_map.index import largest
from vpr_ros.place_map.keyframe_table import Flags, Numbers
from vpr_ros.rerankers.base import Reranker

TOGETHER = 32  # of them are compared with all keyframes at once, as one product of matrices
FEWEST = FEWEST_AGAIN  # answers, to tell something of their kind
SURROUNDINGS = 4.0  # radii of a place beyond which nothing of it is in view any more


@dataclass(frozen=True)
class Survey:
    """Scores of the answers to a map's own keyframes."""

    right: tuple[float, ...] = ()  # ascending
    beyond: tuple[float, ...] = ()  # ascending; wrong, from the place's surroundings or farther
    elsewhere: tuple[float, ...] = ()  # ascending; wrong, from farther than the surroundings
    misled: float = 0.5  # part of the keyframes for which ``beyond`` beats ``right``
    look_alikes: int = 0  # keyframes left out: elsewhere is as good as their nearest neighbors
    reach: float = 1.0  # the map's keyframes for each that a wrong answer could come from
    again: tuple[float, ...] = ()  # ascending; right, from another drive through the same place
    usual: tuple[float, ...] = ()  # ``USUAL`` quantiles of the scores of all wrong candidates


class Sample(NamedTuple):
    """The best scores for one keyframe, minus infinity where there are none."""

    right: float  # of a keyframe next to it
    beyond: float
    elsewhere: float
    choice: int  # keyframes that the wrong answer was the best of
    others: tuple[float, ...] = ()  # scores of all candidates that were ``beyond``
    again: float = -math.inf  # of the same place in another drive; 0 if that did not find it
    astray: float = -math.inf  # of another place in another drive


def surveyed(
    place_map: Map,
    reranker: Reranker,
    decision: DecisionConfig,
    stop: Callable[[], bool],
    known: Sequence[Sample] = (),
) -> tuple[Sample, ...]:
    """Ask a map for some of its keyframes, the same ones every time.

    With 10 candidates each of them takes some 22 comparisons.

    Args:
        place_map: the map.
        reranker: the one whose scores are asked for.
        decision: what makes a place, and how many candidates are reranked.
        stop: asked now and then; what was found until then is returned.
        known: what an earlier survey of this map found before it was stopped.

    Raises:
        MapError: the map cannot be read.
        BackendError: the reranker's device failed.
    """
    asker = _Asker(place_map, reranker, decision)
    # From all over the map.
    rows = np.random.default_rng(0).permutation(len(place_map))[: reranker.survey].tolist()
    samples = list(known)
    while len(samples) < len(rows) and not stop():
        samples += asker.ask(rows[len(samples) : len(samples) + TOGETHER])
    return tuple(samples)


class _Asker:
    """Asks for one keyframe at a time."""

    def __init__(self, place_map: Map, reranker: Reranker, decision: DecisionConfig) -> None:
        self._map, self._reranker, self._decision = place_map, reranker, decision
        self._table = place_map.table
        self._second = SecondDrives(place_map, decision)

    def ask(self, rows: Sequence[int]) -> list[Sample]:
        """The answers to the keyframes in some rows of the table."""
        features = self._map.features_of(self._table.keys(rows))
        descriptors = np.stack([each.global_descriptor for each in features])
        similarities = self._map.similarities(descriptors)
        asked = zip(rows, self._second.of(rows, similarities), features, similarities, strict=True)
        return [
            self._seen_again(self._answered(row, query, products), sights, query, products)
            for row, sights, query, products in asked
        ]

    def _seen_again(
        self, sample: Sample, sights: Sequence[Sight], query: Features, similarities: FloatArray
    ) -> Sample:
        """A sample with what the other drives that show the place answer: the best there, and not.

        A place that is not even retrieved is not found, and neither is one that is seen zoomed.
        """
        if not sights:
            return sample
        place, beyond = np.zeros((2, len(similarities)), bool)
        for drive, center in sights:
            place[drive] = self._near(center, drive)
            beyond[drive] = ~place[drive]
        found = self._best(similarities, place | beyond)
        wanted = found[place[found]], found[beyond[found]]
        again, astray = self._scores(query, [rows.tolist() for rows in wanted])
        best, wrong = (max(self._answer(scores), 0.0) for scores in (again, astray))
        return sample._replace(again=best, astray=wrong)

    def _answered(self, row: int, query: Features, similarities: FloatArray) -> Sample:
        drive = self._table.drive_of(row)
        here = row - drive.start
        place = self._near(row, drive)
        # What another camera saw of the place, looking another way, is no right answer.
        others = place & (self._table.cameras[drive] == self._table.cameras[row])
        others[here] = False
        around = self._near(row, drive, SURROUNDINGS)
        # Only the keyframe's own drive: whether another one shows its place, nobody knows.
        wanted = [
            _beside(others, here) + drive.start,
            self._best(similarities[drive], ~place) + drive.start,
            self._best(similarities[drive], ~around) + drive.start,
        ]
        right, beyond, elsewhere = self._scores(query, [rows.tolist() for rows in wanted])
        choice = int((~place).sum())
        others = tuple(each.score for each in beyond)
        return Sample(
            _best(right), self._answer(beyond), self._answer(elsewhere), choice, others=others
        )

    def _near(self, row: int, drive: slice, radii: float = 1.0) -> Flags:
        """Which keyframes of the drive are so many radii of a place away at most."""
        meters, seconds = self._decision.place_radius, self._decision.place_seconds
        wider = replace(self._decision, place_radius=radii * meters, place_seconds=radii * seconds)
        return self._table.near(row, drive, wider)

    def _best(self, similarities: FloatArray, allowed: Flags) -> Numbers:
        """The candidates that a search among the allowed keyframes of a drive would find."""
        # Among so many of the best, enough are allowed.
        hidden = len(allowed) - int(np.count_nonzero(allowed))
        rows = largest(similarities, self._decision.candidates + hidden)
        rows = rows[allowed[rows]]
        return rows[np.argsort(-similarities[rows], kind="stable")[: self._decision.candidates]]

    def _scores(self, query: Features, wanted: list[list[int]]) -> list[list[Comparison]]:
        """The scores of each group of keyframes; each keyframe is compared once."""
        every = list(dict.fromkeys(row for group in wanted for row in group))
        candidates = self._map.features_of(self._table.keys(every))
        scores = dict(zip(every, self._reranker.compare(query, candidates), strict=True))
        finite = {row for row, each in scores.items() if math.isfinite(each.score)}
        return [[scores[row] for row in group if row in finite] for group in wanted]

    def _answer(self, scores: Sequence[Comparison]) -> float:
        """The score of the best candidate, 0 if it would be refused whatever its score."""
        best = max(scores, key=lambda each: each.score, default=None)
        if best is not None and best.is_zoomed(self._decision.max_zoom):
            return 0.0
        return _best(scores)


def _beside(flags: Flags, here: int) -> Numbers:
    """The nearest marked positions before and behind a position, [0] to [2]."""
    marked = np.flatnonzero(flags)
    cut = int(np.searchsorted(marked, here))
    return np.concatenate([marked[:cut][-1:], marked[cut:][:1]])


def _best(scores: Iterable[Comparison]) -> float:
    return max((each.score for each in scores), default=-math.inf)


def summed(samples: Sequence[Sample], clear_score: float, keyframes: int) -> Survey:
    """The scores of all samples that can be told from their neighbors.

    Args:
        samples: what ``surveyed`` found.
        clear_score: rerank score of a match that is no accident, roughly.
        keyframes: of the map.
    """
    kept = [each for each in samples if not _has_twin(each, clear_score)]
    paired = [each for each in kept if min(each.right, each.beyond) > -math.inf]
    misled = sum(each.beyond > each.right for each in paired)
    seen_again = [each for each in kept if each.again > -math.inf]
    # Today's candidates at other places are not asked for twins either.
    others = [score for each in samples for score in each.others]
    choices = [each.choice for each in kept if each.choice]
    return Survey(
        right=_known(each.right for each in kept),
        beyond=_known(each.beyond for each in kept),
        elsewhere=_known(each.elsewhere for each in kept),
        misled=max(_share(misled, len(paired)), _share_astray(seen_again)),
        look_alikes=len(samples) - len(kept),
        reach=keyframes / float(np.mean(choices)) if choices else 1.0,
        again=_known(each.again for each in seen_again),
        usual=tuple(np.quantile(others, USUAL).tolist()) if others else (),
    )


def _share(number: int, of: int) -> float:
    """Laplace's rule: what is not known is as likely as not."""
    return (number + 1) / (of + 2)


def _share_astray(samples: Sequence[Sample]) -> float:
    """Part of the keyframes for which another drive's best answer is wrong; 0 if few were asked."""
    if len(samples) < FEWEST:
        return 0.0
    return _share(sum(each.astray > each.again for each in samples), len(samples))


def _has_twin(sample: Sample, clear_score: float) -> bool:
    """Whether a keyframe elsewhere is as good a match as the one next door, and that a clear one.

    It is most likely the same place again: the drive came back, and no pose tells it, or a drifted
    one. If it is a twin instead, no score can tell the two apart; the rule against rivals can.
    Either way it says nothing of where wrong answers end, and a few of them would drive the needed
    score beyond reach.
    """
    wrong = sample.elsewhere if sample.elsewhere > -math.inf else sample.beyond
    return wrong >= sample.right >= clear_score


def _known(scores: Iterable[float]) -> tuple[float, ...]:
    return tuple(sorted(score for score in scores if score > -math.inf))
