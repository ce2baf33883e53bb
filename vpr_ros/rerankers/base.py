# SPDX-License-Identifier: Apache-2.0
"""What the recognizer needs of anything that reranks candidates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from vpr_ros.datatypes import Features, FloatArray, RerankScore


class Matches(NamedTuple):
    """Points of two images that show the same, in pixels of their source images."""

    query: FloatArray  # [M, 2] (x, y)
    candidate: FloatArray  # [M, 2] (x, y)


class Reranker(Protocol):
    """A second, closer look at the candidates that retrieval found."""

    def score(self, query: Features, candidates: Sequence[Features]) -> list[RerankScore]:
        """One score for each candidate, in their order; larger is better."""
        ...

    def matches(self, query: Features, candidate: Features) -> Matches:
        """The matched points that speak for one candidate, for people to look at."""
        ...
