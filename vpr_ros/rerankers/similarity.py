# SPDX-License-Identifier: Apache-2.0
"""No second look: candidates are worth what their global descriptors say."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from vpr_ros.datatypes import Comparison, Features

_SUREST = 1.0 - 2.0**-24  # the largest float32 below 1


class SimilarityReranker:
    """Scores candidates by the inner product s of the global descriptors, as ``-ln(1 - s)``.

    It ranks as s does. Of inner products, a wrong answer's 0.8 would seem close to a right one's
    0.9; distances tell that it is twice as far away. As a logarithm of a distance, wrong answers'
    scores have the tail that calibration expects, and a rival that has a part of the best score is
    a rival indeed. Nothing is known of geometry: no inliers, no zoom.
    """

    survey = 200

    def compare(self, query: Features, candidates: Sequence[Features]) -> list[Comparison]:
        """One comparison for each candidate; 0 for what is orthogonal, or opposite."""
        descriptors = (candidate.global_descriptor for candidate in candidates)
        similarities = (float(np.dot(query.global_descriptor, each)) for each in descriptors)
        return [Comparison(-math.log1p(-min(max(s, 0.0), _SUREST))) for s in similarities]
