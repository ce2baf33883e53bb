# SPDX-License-Identifier: Apache-2.0
"""Everything that one call of an evaluation found, for whoever writes it down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from vpr_ros.evaluation.report.cases import Case, Matrix
from vpr_ros.evaluation.retrieval_set import RetrievalSet
from vpr_ros.evaluation.scores import Result
from vpr_ros.evaluation.studies import Study
from vpr_ros.evaluation.verdicts import Verdicts


@dataclass(frozen=True)
class Findings:
    """The results of all variants on one data set, with what helps to understand them."""

    data: RetrievalSet
    results: tuple[Result, ...]  # empty where the truth is kept secret
    counts: tuple[int, ...]  # the N of recall@N
    command: str  # that made them
    made: str  # date and time
    study: Study | None = None
    verdicts: Verdicts | None = None  # of the first variant, where there are drives
    cases: Sequence[Case] = ()  # of the first variant
    matrix: Matrix | None = None  # of the first variant
    notes: Sequence[str] = field(default_factory=tuple)  # what a reader should know
