# SPDX-License-Identifier: Apache-2.0
"""What a study finds: recall and cost over a setting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class StudyPoint:
    """One value of what a study changes."""

    series: str  # points of one series are joined; empty if there is only one
    label: str  # the value in words
    x: float  # the value as a number, or its place among the others
    recall: Mapping[int, float]  # N -> part of the queries, after reranking
    seconds: float  # median of a query
    place_bytes: float  # of memory for each database image


@dataclass(frozen=True)
class Study:
    """How recall and cost depend on one setting."""

    name: str
    title: str
    axis: str  # what x is
    points: Sequence[StudyPoint]
