# SPDX-License-Identifier: Apache-2.0
"""What rankings are worth, by every rule of a data set: recall, precision, errors and time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from vpr_ros.errors import DatasetError
from vpr_ros.evaluation.metrics.bootstrap import Interval, bootstrap_mean
from vpr_ros.evaluation.metrics.cost import TOTAL
from vpr_ros.evaluation.metrics.localization import Errors, localization_errors
from vpr_ros.evaluation.metrics.rankings import (
    average_precisions,
    counted_queries,
    first_hits,
    hits_within,
)
from vpr_ros.evaluation.outcomes import Flags, Outcomes
from vpr_ros.evaluation.ranking import Ranking
from vpr_ros.evaluation.retrieval_set import Indices, Relevance, RetrievalSet
from vpr_ros.evaluation.runner import Run

RETRIEVAL, RERANKED = "retrieval", "reranked"
EVERYTHING = "all"  # the condition that every query meets
PERCENTS = (50.0, 90.0, 95.0, 99.0)  # of the time of a query


@dataclass(frozen=True)
class Score:
    """What the rankings of one stage are worth by one rule, for the queries of one condition."""

    rule: str
    stage: str  # RETRIEVAL or RERANKED
    condition: str
    queries: int  # that count
    recall: Mapping[int, Interval]  # N -> part of the queries, with its interval
    mean_average_precision: float | None = None  # where rankings are of the whole database


@dataclass(frozen=True)
class BestMatches:
    """One stage's best match of each of Q queries, held against one rule."""

    rule: str
    stage: str
    hits: Indices  # [Q] place of the first right answer in the ranking, from 0; -1 for none
    counted: Flags  # [Q] whether recall counts the query
    outcomes: Outcomes  # [Q] with what is surest accepted, at the precision of ``outcomes``


@dataclass(frozen=True)
class Result:
    """One variant's run, judged."""

    run: Run
    scores: tuple[Score, ...]
    matches: tuple[BestMatches, ...]  # for every rule both stages
    latency: Mapping[str, Mapping[float, float]]  # stage -> percent -> seconds
    # Of the best match after reranking, for queries that count and have a pose.
    errors: Errors | None = None
    left_out: int = 0  # queries that could not be read, or whose only right answers could not

    def score(self, stage: str, rule: str = "", condition: str = EVERYTHING) -> Score:
        """One of the scores; of the first rule if none is named."""
        return next(
            each
            for each in self.scores
            if each.stage == stage and each.condition == condition and rule in ("", each.rule)
        )

    def best(self, stage: str, rule: str = "") -> BestMatches:
        """The best matches of one stage; by the first rule if none is named."""
        return next(m for m in self.matches if m.stage == stage and rule in ("", m.rule))


def score(data: RetrievalSet, run: Run, counts: Sequence[int]) -> Result:
    """Hold the rankings of a run against the truth; ``counts`` are the N of recall@N.

    Raises:
        DatasetError: no query has a right answer.
    """
    scores: list[Score] = []
    matches: list[BestMatches] = []
    missing = np.zeros(len(data.queries.names), np.bool_)
    for rule, relevance in data.relevance.items():
        known, counted = _readable(relevance, run)
        missing |= counted_queries(relevance) & ~counted
        if not counted.any():
            raise DatasetError(
                f"{data.name}: no query has a positive by the rule '{rule}': the distance may be "
                "too small, or the two drives were nowhere at the same place"
            )
        for stage, rankings in ((RETRIEVAL, run.before), (RERANKED, run.after)):
            hits = first_hits([each.images for each in rankings], known, data.panorama_of)
            outcomes = _outcomes(data, rankings, known, hits).at_precision()
            matches.append(BestMatches(rule, stage, hits, counted, outcomes))
            scores += _scores(data, matches[-1], rankings, known, counts)
    errors = _errors(data, run, matches[-1].counted)
    lost = int(missing.sum())
    return Result(run, tuple(scores), tuple(matches), _latency(run), errors, lost)


def _readable(relevance: Relevance, run: Run) -> tuple[Relevance, Flags]:
    """The rule without images that could not be described, and which queries still count, [Q]."""
    counted = counted_queries(relevance)
    counted[run.broken_queries] = False
    positives = tuple(
        each[~np.isin(each, run.broken_database)] if len(run.broken_database) else each
        for each in relevance.positives
    )
    pairs = zip(relevance.positives, positives, strict=True)
    lost = np.array([len(before) > 0 and not len(after) for before, after in pairs], np.bool_)
    return replace(relevance, positives=positives), counted & ~lost


def _scores(
    data: RetrievalSet,
    best: BestMatches,
    rankings: Sequence[Ranking],
    relevance: Relevance,
    counts: Sequence[int],
) -> Iterator[Score]:
    """The scores of all queries, and of those of each condition."""
    precisions = None
    if _is_complete(rankings, data, relevance):
        precisions = average_precisions([each.images for each in rankings], relevance)
    groups = {EVERYTHING: np.arange(len(best.hits)), **data.conditions}
    for condition, members in groups.items():
        chosen = members[best.counted[members]]
        if not len(chosen):
            continue
        drives = None if data.sequence_of is None else data.sequence_of[chosen]
        recall = {n: bootstrap_mean(hits_within(best.hits, n)[chosen], drives) for n in counts}
        mean = None if precisions is None else float(np.nanmean(precisions[chosen]))
        yield Score(best.rule, best.stage, condition, len(chosen), recall, mean)


def _is_complete(rankings: Sequence[Ranking], data: RetrievalSet, relevance: Relevance) -> bool:
    """Whether rankings hold all that average precision asks for."""
    ignored = relevance.ignored or [np.zeros(0, np.int64)] * len(rankings)
    size = len(data.database.names)
    return any(len(each.images) for each in rankings) and all(
        not len(each.images) or len(each.images) + len(hidden) >= size
        for each, hidden in zip(rankings, ignored, strict=True)
    )


def _outcomes(
    data: RetrievalSet, rankings: Sequence[Ranking], relevance: Relevance, hits: Indices
) -> Outcomes:
    """What became of the best match of every query; nothing is accepted yet."""
    firsts = [_first(each, relevance, query) for query, each in enumerate(rankings)]
    best = np.array([image for image, _ in firsts], np.int64)
    scores = np.array([score for _, score in firsts])
    findable = np.array([len(each) > 0 for each in relevance.positives], np.bool_)
    judged = best >= 0
    if data.query_poses:
        judged &= np.array([pose is not None for pose in data.query_poses])
    return Outcomes(best, hits == 0, findable, judged, np.zeros(len(best), np.bool_), scores)


def _first(ranking: Ranking, relevance: Relevance, query: int) -> tuple[int, float]:
    """The best match that a rule does not ignore, with its score; -1 where there is none."""
    ignored = relevance.ignored[query] if relevance.ignored else ()
    places = np.flatnonzero(~np.isin(ranking.images, ignored))
    if not len(places):
        return -1, 0.0
    score = float(ranking.scores[places[0]])
    return int(ranking.images[places[0]]), score if np.isfinite(score) else 0.0


def _errors(data: RetrievalSet, run: Run, counted: Flags) -> Errors | None:
    if not data.query_poses or not data.database_poses:
        return None
    asked = np.flatnonzero(counted).tolist()
    answers = [data.database_poses[run.after[query].images[0]] for query in asked]
    return localization_errors([data.query_poses[query] for query in asked], answers)


def _latency(run: Run) -> dict[str, dict[float, float]]:
    """Stage -> percent -> seconds, of the queries that were answered; their sum is the last."""
    answered = [len(each.images) > 0 for each in run.after]
    stages = {stage: seconds[answered] for stage, seconds in run.seconds.items()}
    stages[TOTAL] = np.sum(list(stages.values()), axis=0)
    return {
        stage: dict(zip(PERCENTS, np.percentile(seconds, PERCENTS).tolist(), strict=True))
        for stage, seconds in stages.items()
    }
