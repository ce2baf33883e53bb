# SPDX-License-Identifier: Apache-2.0
"""Answers that are worth looking at, as pictures: the surest ones, and failures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vpr_ros.datatypes import Features, FloatArray, ImageArray
from vpr_ros.errors import ImageError
from vpr_ros.evaluation.features.feature_list import FeatureList
from vpr_ros.evaluation.ranking import Ranking
from vpr_ros.evaluation.retrieval_set import ImageSource, Indices, RetrievalSet
from vpr_ros.evaluation.runner import Described, Run
from vpr_ros.evaluation.scores import BestMatches
from vpr_ros.images import encode_jpeg, shrink
from vpr_ros.pictures.attention import overlaid
from vpr_ros.rerankers.matches import Matches, matched_points

SIDE = 360  # longer side in pixels of the pictures
EACH = 6  # of a kind
_QUALITY = 78
_PIXELS = 480  # of the similarity matrix along either side, at most
# Methods whose scores of local features are attention, by how their names begin.
_ATTENTIVE = ("transvpr", "r2former", "appsvr")

BEST, WRONG, MISSED = "best", "wrong", "missed"


@dataclass(frozen=True)
class Picture:
    """An image of the report."""

    name: str
    jpeg: bytes
    size: tuple[int, int]  # (width, height) pixels
    attention: bytes = b""  # the same as a heat map of where the network looks


@dataclass(frozen=True)
class Case:
    """One query with its best match."""

    kind: str  # BEST, WRONG or MISSED
    query: Picture
    match: Picture
    points: Matches  # as parts of the width and height of their images
    score: float
    first_right: int  # place of the first right answer in the ranking, from 1; 0 for none
    truth: Picture | None = None  # a right answer, where the match is wrong


@dataclass(frozen=True)
class Matrix:
    """Similarities of some queries with some database images, evenly spread over both."""

    similarities: FloatArray  # [R, C]
    queries: Indices  # [R]
    database: Indices  # [C]


def chosen(matches: BestMatches, each: int = EACH) -> dict[str, list[int]]:
    """Queries worth looking at, by kind.

    BEST: right, and surest of it. WRONG: wrong, and surest of it. MISSED: the database shows the
    place, and it came last in the ranking or not at all.
    """
    outcomes, scores = matches.outcomes, matches.outcomes.probability
    right = outcomes.right & outcomes.judged
    wrong = ~outcomes.right & outcomes.judged & (outcomes.best >= 0)
    depth = np.where(matches.hits < 0, np.iinfo(np.int64).max, matches.hits)
    missed = wrong & outcomes.findable
    surest = _spread(np.flatnonzero(wrong), scores, each)
    rest = np.setdiff1d(np.flatnonzero(missed), surest)
    return {
        BEST: _spread(np.flatnonzero(right), scores, each),
        WRONG: surest,
        MISSED: _spread(rest, depth - 1e-6 * scores, each),
    }


def cases(
    data: RetrievalSet, run: Run, matches: BestMatches, opened: Described, each: int = EACH
) -> list[Case]:
    """The pictures of those queries.

    Args:
        data: the set.
        run: what a variant made of it.
        matches: its best matches, after reranking.
        opened: the features of that variant.
        each: how many of each kind.
    """
    numbers = [(kind, query) for kind, some in chosen(matches, each).items() for query in some]
    painter = _Painter(data, opened)
    found = {}
    for kind, query in sorted(numbers, key=lambda item: item[1]):  # bags are read in their order
        try:
            found[kind, query] = painter.case(kind, query, matches, run.after[query])
        except ImageError:  # it was there when it was described
            continue
    return [found[key] for key in numbers if key in found]


def similarity_matrix(queries: FeatureList, database: FeatureList, side: int = _PIXELS) -> Matrix:
    """Inner products of the global descriptors, for at most ``side`` images of either list."""
    rows, columns = _sample(queries, side), _sample(database, side)
    ours = np.concatenate([queries.rows(i, i + 1) for i in rows.tolist()])
    theirs = np.concatenate([database.rows(i, i + 1) for i in columns.tolist()])
    return Matrix(np.asarray(ours @ theirs.T, np.float32), rows, columns)


def _sample(images: FeatureList, side: int) -> Indices:
    usable = np.flatnonzero(images.usable)
    spread = np.linspace(0, len(usable) - 1, min(side, len(usable)))
    return np.asarray(usable[np.rint(spread).astype(int)], np.int64)


def _spread(members: Indices, scores: NDArray[np.float64], count: int) -> list[int]:
    """Those of the largest score, no neighbors in a drive as long as there are others."""
    order = members[np.argsort(-scores[members], kind="stable")].tolist()
    gap = max(1, len(scores) // (4 * count))
    taken: list[int] = []
    for number in order:
        if len(taken) < count and all(abs(number - other) >= gap for other in taken):
            taken.append(number)
    taken += [number for number in order if number not in taken][: count - len(taken)]
    return taken


class _Painter:
    """Makes the pictures of one variant."""

    def __init__(self, data: RetrievalSet, opened: Described) -> None:
        self._data, self._opened = data, opened
        method = opened.pipeline.config.method
        self._attentive = method.startswith(_ATTENTIVE)

    def case(self, kind: str, query: int, matches: BestMatches, ranking: Ranking) -> Case:
        best = int(matches.outcomes.best[query])
        one, other = self._opened.queries.features(query), self._opened.database.features(best)
        (comparison,) = self._opened.pipeline.reranker.compare(one, [other])
        return Case(
            kind,
            self._picture(self._data.queries, query, one),
            self._picture(self._data.database, best, other),
            matched_points(one, other, comparison),
            float(matches.outcomes.probability[query]),
            int(matches.hits[query]) + 1,
            self._truth(query, matches, ranking),
        )

    def _truth(self, query: int, matches: BestMatches, ranking: Ranking) -> Picture | None:
        """What would have been right: the best of it in the ranking, or the middle one of all."""
        positives = self._data.relevance[matches.rule].positives[query]
        if matches.outcomes.right[query] or not len(positives):
            return None
        found = ranking.images[np.isin(ranking.images, positives)]
        number = int(found[0]) if len(found) else int(positives[len(positives) // 2])
        return self._picture(self._data.database, number)

    def _picture(
        self, source: ImageSource, number: int, features: Features | None = None
    ) -> Picture:
        image = shrink(source.read(number), SIDE)
        attention = b""
        if self._attentive and features is not None:
            attention = _jpeg(overlaid(image, features.local))
        size = (image.shape[1], image.shape[0])
        return Picture(source.names[number], _jpeg(image), size, attention)


def _jpeg(image: ImageArray) -> bytes:
    return encode_jpeg(image, _QUALITY)


def most_telling(points: Matches, count: int) -> list[tuple[Sequence[float], Sequence[float]]]:
    """Some of the matched points, evenly drawn from all of them: more would hide the images."""
    total = len(points.query)
    shown = min(count, total)
    rows = [(2 * i + 1) * total // (2 * shown) for i in range(shown)]
    return [(points.query[row].tolist(), points.candidate[row].tolist()) for row in rows]
