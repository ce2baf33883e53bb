# SPDX-License-Identifier: Apache-2.0
"""R2Former's learned reranker (Zhu et al., CVPR 2023) at work on a query and its candidates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
from numpy.typing import NDArray

from vpr_ros.backends.base import CANDIDATES, QUERY, SCORES, Backend
from vpr_ros.backends.exported import LOCAL_COUNT
from vpr_ros.datatypes import Comparison, Features, FloatArray, LocalFeatures

# A feature looks for its five best partners: with fewer, there is nothing to ask the network.
_FEWEST = 5
_NONE = Comparison(score=0.0)
_SUREST = 1.0 - 2.0**-24  # the largest float32 below 1


class R2FormerReranker:
    """Asks a network how likely it is that the query and each candidate show one place.

    The score is ``-ln(1 - p)`` of the network's probability p that both show one place: it ranks
    as p does, 0 and up, and does not crowd at 1. So scores of wrong answers have the tail that
    calibration expects, and one that is half of another is half as sure. It is not symmetric,
    and the network tells no pairs of features. The paper reranks 100 candidates; with 20, one in a
    hundred queries is lost.
    """

    survey = 40  # a comparison takes a hundred times as long as one of points

    def __init__(
        self, backend: Backend, input_size: tuple[int, int], batch: int = 16, threads: int = 1
    ) -> None:
        """Prepare for the features of one extractor.

        On a CPU, the threads of one run wait for each other more than they work, all the more when
        other programs are busy: there, two runs of four candidates at the same time on a backend
        that uses one thread each take half the time of one run after the other on two threads.

        Args:
            backend: the reranker's network.
            input_size: width and height in pixels of the extractor's input.
            batch: candidates in one run of the network, about 20 MB of memory each.
            threads: runs at the same time; the backend must allow it.

        Raises:
            BackendError: the device failed.
        """
        self._backend = backend
        self._input_size = input_size
        self._batch = batch
        self._pool = ThreadPoolExecutor(threads) if threads > 1 else None
        # Once, so that the first query does not wait for the network to warm up.
        count = int(backend.spec.settings.get(LOCAL_COUNT, _FEWEST))  # exported: always as many
        rows = np.zeros((1, count, 3 + backend.spec.local_dim), np.float32)
        backend.run({QUERY: rows, CANDIDATES: rows})

    def compare(self, query: Features, candidates: Sequence[Features]) -> list[Comparison]:
        """One comparison for each candidate; score 0 where an image has fewer than five features.

        Raises:
            BackendError: the device failed, or the features are not R2Former's.
        """
        compared = [_NONE] * len(candidates)
        if query.local is None or len(query.local) < _FEWEST:
            return compared
        looks = enumerate(each.local for each in candidates)
        known = {index: local for index, local in looks if local is not None}
        batches = list(_batches({i: len(local) for i, local in known.items()}, self._batch))
        tasks = [[known[index] for index in batch] for batch in batches]
        run = partial(self._run, to_rows(query.local, self._input_size)[None])
        answers = self._pool.map(run, tasks) if self._pool else map(run, tasks)
        for batch, values in zip(batches, answers, strict=True):
            for index, value in zip(batch, values, strict=True):
                compared[index] = Comparison(value)
        return compared

    def _run(self, query: FloatArray, candidates: Sequence[LocalFeatures]) -> list[float]:
        """Scores of candidates that have equally many features."""
        rows = np.stack([to_rows(each, self._input_size) for each in candidates])
        sure = self._backend.run({QUERY: query, CANDIDATES: rows})[SCORES].astype(np.float64)
        scores: list[float] = (-np.log1p(-np.clip(sure, 0.0, _SUREST))).tolist()
        return scores


def to_rows(local: LocalFeatures, input_size: tuple[int, int]) -> FloatArray:
    """Local features as the networks of R2Former exchange them, float32 [N, 3 + C].

    ``LocalFeatures`` holds the points in pixels of the source image, attention relative to the
    largest as scores, and descriptors of any norm, as the extractor gave them. The reranker wants
    u and v of the extractor's input: pixels divided by the longer of its sides, both axes alike.

    Args:
        local: features of one image.
        input_size: width and height in pixels of the extractor's input.
    """
    scale = np.array(input_size) / (np.array(local.image_size) * max(input_size))
    points: NDArray[np.float64] = local.keypoints * scale
    columns = [points.astype(np.float32), local.scores[:, None], local.descriptors]
    return np.concatenate(columns, axis=1, dtype=np.float32)


def _batches(lengths: Mapping[int, int], size: int) -> Iterator[list[int]]:
    """Numbers of candidates that have equally many features, so that their rows can be stacked."""
    for length in sorted({count for count in lengths.values() if count >= _FEWEST}):
        same = [index for index, count in lengths.items() if count == length]
        for start in range(0, len(same), size):
            yield same[start : start + size]
