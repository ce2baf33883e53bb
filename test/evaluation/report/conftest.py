# SPDX-License-Identifier: Apache-2.0
"""Findings of small runs with everything that a page can show, and names that try to break it."""

from dataclasses import replace

import pytest
from retrieval_samples import drawn_set

from vpr_ros.config import PipelineConfig, with_settings
from vpr_ros.evaluation.evidence import cases, similarity_matrix
from vpr_ros.evaluation.findings import Findings
from vpr_ros.evaluation.judge import Latency, Tally
from vpr_ros.evaluation.metrics import risk_coverage
from vpr_ros.evaluation.report.page import page
from vpr_ros.evaluation.runner import Task, Variant, described, run_all
from vpr_ros.evaluation.scoring import RERANKED, judge
from vpr_ros.evaluation.studies import run_study
from vpr_ros.evaluation.verdicts import Verdicts

NASTY = """</style><script>alert("'&amp;")</script>"""
COUNTS = (1, 3, 5)


@pytest.fixture(scope="session")
def findings(tmp_path_factory):
    task = Task(drawn_set(shift=9), tmp_path_factory.mktemp("cache"), depth=0)
    base = with_settings(PipelineConfig(method="hog_sift"), {"decision.candidates": 5})
    other = with_settings(base, {"decision.candidates": 10})
    variants = [Variant("hog_sift", base), Variant(f"ten {NASTY}", other)]
    results = tuple(judge(task.data, run, COUNTS) for run in run_all(task, variants))
    judged = results[0].judgment(RERANKED)
    with described(task, base) as opened:
        return Findings(
            task.data,
            results,
            COUNTS,
            f"vpr evaluate {NASTY}",
            "2026-01-01 12:00",
            study=run_study("efficiency", task, variants[0], COUNTS),
            verdicts=verdicts_like(judged),
            cases=tuple(cases(task.data, results[0].run, judged, opened)),
            matrix=similarity_matrix(opened.queries, opened.database),
            notes=(f"a note {NASTY}",),
        )


def verdicts_like(judged):
    """Verdicts that nobody gave: half of the best matches are accepted."""
    right = judged.right.tolist()
    names = ["right" if each else "wrong" for each in right]
    outcomes = [name if i % 2 else "missed" for i, name in enumerate(names)]
    probabilities = [0.1 + 0.07 * number for number in range(len(right))]
    tally = Tally(
        12, 6, 2, 4, outcomes.count("right"), outcomes.count("wrong"), 0, 12, 3,
        {"total": Latency(1.0, 2.0, 3.0)},
    )  # fmt: skip
    promises = [(0.2, 0.1, 6), (0.7, 0.8, 6)]
    risk = risk_coverage(probabilities, right)
    causes = {"too little agreement": 4, "another place looks alike": 2}
    return Verdicts(tally, 20, 0.1, risk, promises, outcomes, judged.best, causes)


@pytest.fixture(scope="session")
def html(findings):
    return page(findings)


@pytest.fixture(scope="session")
def secret_html(findings):
    """The page of a set whose truth nobody tells."""
    return page(
        replace(findings, results=(), verdicts=None, study=None, cases=(), matrix=None, notes=())
    )
