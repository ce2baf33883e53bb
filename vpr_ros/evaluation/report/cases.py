# SPDX-License-Identifier: Apache-2.0
"""Answers that are worth looking at, as pictures: the surest ones, and failures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vpr_ros.datatypes import Features, FloatArray, ImageArray, Recognition
from vpr_ros.errors import ImageError
from vpr_ros.evaluation.features.feature_list import FeatureList
from vpr_ros.evaluation.outcomes import Outcomes
from vpr_ros.evaluation.retrieval_set import Indices, RetrievalSet
from vpr_ros.evaluation.runner import Described, Run
from vpr_ros.evaluation.scores import BestMatches
from vpr_ros.images import encode_jpeg, shrink
from vpr_ros.pictures.attention import overlaid
from vpr_ros.pictures.match_picture import paired
from vpr_ros.rerankers.matches import Matches, matched_points

SIDE = 400  # longer side in pixels of the pictures
EACH = 6  # of a kind
_QUALITY = 78
_PIXELS = 480  # of the similarity matrix along either side, at most
_WIDE = 2.0  # width of images over their height from which on they stand one above the other
# Methods whose scores of local features are attention, by how their names begin.
_ATTENTIVE = ("transvpr", "r2former", "appsvr")

BEST, WRONG, MISSED = "best", "wrong", "missed"
KINDS = {  # kind -> title and explanation
    BEST: ("Surest right matches", "The best match is right, and its score the highest."),
    WRONG: ("Surest wrong matches", "What a robot would be misled by: wrong with a high score."),
    MISSED: (
        "Hardest places",
        "The database shows the place; the right answer came late, or not at all.",
    ),
}
_COLORS = {True: (89, 240, 160), False: (255, 138, 128)}  # of the lines of right and wrong matches


@dataclass(frozen=True)
class Picture:
    """An image of the report."""

    jpeg: bytes
    size: tuple[int, int]  # (width, height) pixels

    @classmethod
    def of(cls, image: ImageArray) -> Picture:
        """A picture of an image, RGB uint8 [H, W, 3]."""
        return cls(encode_jpeg(image, _QUALITY), (image.shape[1], image.shape[0]))


@dataclass(frozen=True)
class Case:
    """One query with its best match."""

    kind: str  # of KINDS
    query: str  # name of the image
    match: str
    pair: Picture  # both, with the matched points joined
    said: str  # what there is to say
    attention: Picture | None = None  # both as heat maps of where the network looks
    truth: Picture | None = None  # a right answer, where the match is wrong
    truth_name: str = ""

    @property
    def is_right(self) -> bool:
        """Whether the match is."""
        return self.kind == BEST


@dataclass(frozen=True)
class Matrix:
    """Similarities of some queries with some database images, evenly spread over both."""

    similarities: FloatArray  # [R, C]
    queries: Indices  # [R]
    database: Indices  # [C]


def chosen(outcomes: Outcomes, hits: Indices, each: int = EACH) -> dict[str, list[int]]:
    """Queries worth looking at, by kind.

    BEST: right, and surest of it. WRONG: wrong, and surest of it. MISSED: the database shows the
    place, and it came last in the ranking or not at all. ``hits`` are those of ``BestMatches``.
    """
    scores, right = outcomes.probability, outcomes.right & outcomes.judged
    wrong = ~outcomes.right & outcomes.judged & (outcomes.best >= 0)
    depth = np.where(hits < 0, np.iinfo(np.int64).max, hits)
    surest = _spread(np.flatnonzero(wrong), scores, each)
    rest = np.setdiff1d(np.flatnonzero(wrong & outcomes.findable), surest)
    return {
        BEST: _spread(np.flatnonzero(right), scores, each),
        WRONG: surest,
        MISSED: _spread(rest, depth - 1e-6 * scores, each),
    }


def cases(data: RetrievalSet, run: Run, matches: BestMatches, opened: Described) -> list[Case]:
    """The pictures of those queries: of a variant's best matches, after reranking."""
    choice = chosen(matches.outcomes, matches.hits)
    return _painted(choice, _Painter(data, run, matches, opened).case)


def answered_cases(
    data: RetrievalSet, outcomes: Outcomes, answers: Sequence[Recognition | None]
) -> list[Case]:
    """The pictures of a localizer's answers, [Q], whose features nobody kept."""

    def case(kind: str, query: int) -> Case:
        best, answer = int(outcomes.best[query]), answers[query]
        names = data.queries.names[query], data.database.names[best]
        images = data.queries.read(query), data.database.read(best)
        said = f"{answer.verdict.name}: {answer.reason}" if answer else ""
        return Case(kind, *names, side_by_side(*images, None, kind == BEST), said)

    return _painted(chosen(outcomes, np.where(outcomes.right, 0, -1)), case)


def _painted(choice: dict[str, list[int]], paint: Callable[[str, int], Case]) -> list[Case]:
    """The pictures of queries by kind, without those whose images cannot be read any more."""
    numbers = [(kind, query) for kind, some in choice.items() for query in some]
    painted = {}
    for kind, query in sorted(numbers, key=lambda item: item[1]):  # bags are read in their order
        with suppress(ImageError):
            painted[kind, query] = paint(kind, query)
    return [painted[key] for key in numbers if key in painted]


def side_by_side(
    query: ImageArray, match: ImageArray, points: Matches | None, right: bool
) -> Picture:
    """Both images small, wide ones one above the other."""
    one, other = shrink(query, SIDE), shrink(match, SIDE)
    wide = min(each.shape[1] / each.shape[0] for each in (one, other)) > _WIDE
    return Picture.of(paired(one, other, points, _COLORS[right], stacked=wide))


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


@dataclass(frozen=True)
class _Painter:
    """Makes the pictures of one variant."""

    data: RetrievalSet
    run: Run
    matches: BestMatches
    opened: Described

    def case(self, kind: str, query: int) -> Case:
        data, best = self.data, int(self.matches.outcomes.best[query])
        images = data.queries.read(query), data.database.read(best)
        described = self.opened.queries.features(query), self.opened.database.features(best)
        (comparison,) = self.opened.pipeline.reranker.compare(described[0], [described[1]])
        points, truth = matched_points(*described, comparison), self._truth(query)
        return Case(
            kind,
            data.queries.names[query],
            data.database.names[best],
            side_by_side(*images, points, kind == BEST),
            self._said(kind, query, len(points.query), truth is not None),
            self._attention(images, described),
            None if truth is None else Picture.of(shrink(data.database.read(truth), SIDE)),
            "" if truth is None else data.database.names[truth],
        )

    def _attention(
        self, images: tuple[ImageArray, ImageArray], described: tuple[Features, Features]
    ) -> Picture | None:
        if not self.opened.pipeline.config.method.startswith(_ATTENTIVE):
            return None
        one, other = (
            overlaid(shrink(image, SIDE), features.local)
            for image, features in zip(images, described, strict=True)
        )
        return side_by_side(one, other, None, right=True)

    def _truth(self, query: int) -> int | None:
        """What would have been right: the best of it in the ranking, or the middle one of all."""
        positives = self.data.relevance[self.matches.rule].positives[query]
        if self.matches.outcomes.right[query] or not len(positives):
            return None
        images = self.run.after[query].images
        ranked = images[np.isin(images, positives)]
        return int(ranked[0]) if len(ranked) else int(positives[len(positives) // 2])

    def _said(self, kind: str, query: int, count: int, is_shown: bool) -> str:
        score, hit = float(self.matches.outcomes.probability[query]), int(self.matches.hits[query])
        words = f"{count} matched points"
        if score != count:  # where points are what is counted, once is enough
            words = f"score {score:.4g}, {words}"
        if kind == BEST:
            return words
        if hit >= 0:
            return f"{words}; the first right answer is number {hit + 1}"
        if not is_shown:
            return f"{words}; the database does not show this place"
        return f"{words}; no right answer in the ranking"
