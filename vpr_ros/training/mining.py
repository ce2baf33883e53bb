# SPDX-License-Identifier: Apache-2.0
"""Which negatives a query learns from: partial, full, random and global mining, and violators.

R2Former (Zhu et al., CVPR 2023, section 3.4 and supplement C) follows Berton et al., "Deep Visual
Geo-localization Benchmark", CVPR 2022. A round mines for some thousand queries at once with the
network as it is then; ``global`` reads a table made once, by the network of the first stage.

Shapes: R queries of a round, k negatives of a query, N database images, D values of a descriptor.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from vpr_ros.datatypes import FloatArray
from vpr_ros.errors import ConfigError
from vpr_ros.evaluation.retrieval_set import Indices
from vpr_ros.training.papers.labels import LabeledSet
from vpr_ros.training.recipe import MINING

POOL = 1000  # database images that are looked through for the hardest
TABLE = 200  # hardest negatives that the offline table keeps of each query
_RANKED = 500  # of which those that are negatives are kept

Describe = Callable[[Indices], FloatArray]  # numbers of images -> [n, D], unit norm


@dataclass
class Miner:
    """Mines rounds of queries; what it remembers belongs into a checkpoint."""

    data: LabeledSet  # the images' places
    mode: str  # one of ``recipe.MINING``
    negatives: int  # k
    hardness: int = 100  # ``global`` draws from so many of the table's first
    table: Indices | None = None  # of ``hardest_negatives``, for ``global``, [Q, 200]
    margin: float = 0.1  # ``violators``: of the triplets, Euclidean distance
    # ``full``: the last negatives of each query.
    remembered: dict[int, list[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.mode not in MINING:
            raise ConfigError(f"mining = {self.mode!r}: choose one of {', '.join(MINING)}")
        if self.mode == "global" and self.table is None:
            raise ConfigError("mining = 'global' needs the table of hardest negatives")

    def round(
        self,
        queries: Indices,  # their numbers, each with a positive
        describe_queries: Describe,  # descriptors of queries
        describe_database: Describe,  # descriptors of database images
        random: np.random.Generator,  # what decides
    ) -> Indices:
        """For each query of a round its positive, then its negatives, [R, 1 + k]."""
        count = len(self.data.database.names)
        pool = random.choice(count, min(POOL, count), replace=False)
        wanted = self._wanted(queries, pool)
        known = dict(zip(wanted.tolist(), describe_database(wanted), strict=True))
        rows = []
        for query, descriptor in zip(queries, describe_queries(queries), strict=True):
            positives = self.data.positives[query]
            best = positives[int(np.argmax([descriptor @ known[int(each)] for each in positives]))]
            negatives = self._negatives(int(query), descriptor, pool, known, random)
            rows.append([int(best), *negatives])
        return np.array(rows, np.int64)

    def _wanted(self, queries: Indices, pool: Indices) -> Indices:
        """Database images whose descriptors a round needs."""
        wanted = [self.data.positives[each] for each in queries]
        if self.mode in ("partial", "violators"):
            wanted.append(pool)
        if self.mode == "full":
            wanted.append(np.arange(len(self.data.database.names)))
        return np.unique(np.concatenate(wanted))

    def _negatives(
        self,
        query: int,
        descriptor: FloatArray,
        pool: Indices,
        known: dict[int, FloatArray],
        random: np.random.Generator,
    ) -> list[int]:
        excluded = self.data.excluded[query]
        if self.mode == "global":
            assert self.table is not None  # checked when this was made
            row = self.table[query, : self.hardness]
            return self._drawn(row[row >= 0], query, random)
        count = len(self.data.database.names)
        if self.mode == "random":
            return self._drawn(np.setdiff1d(np.arange(count), excluded), query, random)
        if self.mode == "full":  # every query looks through a pool of its own
            own = random.choice(count, min(POOL, count), replace=False)
            pool = np.union1d(own, self.remembered.get(query, []))
        candidates = np.setdiff1d(pool, excluded).astype(np.int64)
        similarity = np.array([descriptor @ known[int(each)] for each in candidates])
        hardest = candidates[np.argsort(-similarity, kind="stable")[: self.negatives]]
        if self.mode == "violators" and len(hardest) == self.negatives:
            positives = self.data.positives[query]
            nearest = max(float(descriptor @ known[int(each)]) for each in positives)
            return self._half_violating(hardest, candidates, similarity, nearest, random)
        if len(hardest) < self.negatives:
            return self._drawn(np.setdiff1d(np.arange(count), excluded), query, random)
        self.remembered[query] = hardest.tolist()
        return [int(each) for each in hardest]

    def _half_violating(
        self,
        hardest: Indices,  # k candidates, the hardest first
        candidates: Indices,  # of the pool, [n]
        similarity: FloatArray,  # of the query with each, [n]
        nearest: float,  # similarity of the query with its nearest positive
        random: np.random.Generator,  # what decides
    ) -> list[int]:
        """APPSVR's tuples: half the hardest of the pool, half drawn from what violates the margin.

        Peng et al., "Attentional Pyramid Pooling of Salient Visual Residuals for Place
        Recognition", ICCV 2021, supplement, equation 2. Where too few violate it, the next hardest
        take their places.
        """
        half = (self.negatives + 1) // 2
        kept = hardest[:half]
        distance, limit = (np.sqrt(np.maximum(2.0 - 2.0 * s, 0.0)) for s in (similarity, nearest))
        violators = np.setdiff1d(candidates[distance < limit + self.margin], kept)
        drawn = random.permutation(violators)[: self.negatives - half]
        others = [each for each in hardest[half:] if each not in drawn]
        filled = [*kept, *drawn, *others][: self.negatives]
        return [int(each) for each in filled]

    def _drawn(self, candidates: Indices, query: int, random: np.random.Generator) -> list[int]:
        """Some of the candidates; each several times if there are too few."""
        if not len(candidates):
            name = self.data.queries.names[query]
            raise ConfigError(f"{name}: all of the database is too near to be negative")
        few = len(candidates) < self.negatives
        return [int(each) for each in random.choice(candidates, self.negatives, replace=few)]


def hardest_negatives(
    data: LabeledSet, describe_queries: Describe, describe_database: Describe
) -> Indices:
    """The offline table of each query's hardest negatives, [Q, 200], -1 where there are fewer.

    As R2Former's authors make it: of the 500 most similar database images those that are
    negatives, the first 200 of them.
    """
    database = describe_database(np.arange(len(data.database.names)))
    table = np.full((len(data.queries.names), TABLE), -1, np.int64)
    for query in data.indices:
        similarity = database @ describe_queries(np.array([query]))[0]
        ranked = np.argsort(-similarity, kind="stable")[:_RANKED]
        kept = ranked[~np.isin(ranked, data.excluded[query])][:TABLE]
        table[query, : len(kept)] = kept
    return table
