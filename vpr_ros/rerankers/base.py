# SPDX-License-Identifier: Apache-2.0
"""What the recognizer needs of anything that reranks candidates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from vpr_ros.datatypes import Features, RerankScore


class Reranker(Protocol):
    """A second, closer look at the candidates that retrieval found."""

    def score(self, query: Features, candidates: Sequence[Features]) -> list[RerankScore]:
        """One score for each candidate, in their order; larger is better."""
        ...
