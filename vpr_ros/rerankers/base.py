# SPDX-License-Identifier: Apache-2.0
"""What the recognizer needs of anything that reranks candidates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from vpr_ros.datatypes import Comparison, Features


class Reranker(Protocol):
    """A second, closer look at the candidates that retrieval found."""

    survey: int  # keyframes that a map is asked for, to learn what its scores are worth

    def compare(self, query: Features, candidates: Sequence[Features]) -> list[Comparison]:
        """One comparison for each candidate, in their order; the larger its score, the better.

        Raises:
            BackendError: the device failed.
        """
        ...
