# SPDX-License-Identifier: Apache-2.0
"""Findings of small runs with everything that a page can show, and names that try to break it."""

from dataclasses import replace

import numpy as np
import pytest
from retrieval_samples import drawn_set

from vpr_ros.config import PipelineConfig, with_settings
from vpr_ros.evaluation.judge import Limits, Tally, Verdicts
from vpr_ros.evaluation.metrics.cost import Latency
from vpr_ros.evaluation.metrics.localization import Errors
from vpr_ros.evaluation.metrics.pose_errors import PoseErrors
from vpr_ros.evaluation.report.cases import cases, similarity_matrix
from vpr_ros.evaluation.report.page import Findings, page
from vpr_ros.evaluation.runner import Task, Variant, described, run_all
from vpr_ros.evaluation.scores import RERANKED, score
from vpr_ros.evaluation.studies import run_study

NASTY = """</style><script>alert("'&amp;")</script>"""
COUNTS = (1, 3, 5)


@pytest.fixture(scope="session")
def findings(tmp_path_factory):
    task = Task(drawn_set(shift=9), tmp_path_factory.mktemp("cache"), depth=0)
    base = with_settings(PipelineConfig(method="hog_sift"), {"decision.candidates": 5})
    other = with_settings(base, {"decision.candidates": 10})
    variants = [Variant("hog_sift", base), Variant(f"ten {NASTY}", other)]
    results = tuple(score(task.data, run, COUNTS) for run in run_all(task, variants))
    judged = results[0].best(RERANKED)
    with described(task, base) as opened:
        return Findings(
            task.data,
            results,
            COUNTS,
            f"vpr evaluate {NASTY}",
            "2026-01-01 12:00",
            study=run_study("efficiency", task, variants[0], COUNTS),
            verdicts=verdicts_like(judged.outcomes),
            cases=tuple(cases(task.data, results[0].run, judged, opened)),
            matrix=similarity_matrix(opened.queries, opened.database),
            notes=(f"a note {NASTY}",),
        )


def verdicts_like(outcomes):
    """Verdicts that nobody gave: half of the best matches are accepted."""
    count = len(outcomes)
    accepted, sure = np.arange(count) % 2 > 0, 0.1 + 0.07 * np.arange(count)
    outcomes = replace(outcomes, accepted=accepted, probability=sure)
    words = outcomes.words
    tally = Tally(
        12, 6, 2, 4, words.count("right"), words.count("wrong"), 0, 12, 3,
        {"total": Latency(1.0, 2.0, 3.0)},
    )  # fmt: skip
    causes = {"too little agreement": 4, "another place looks alike": 2}
    errors = Errors(np.array([0.02, 0.05, 0.4]), np.array([0.001, 0.002, 0.01]))
    reasons = {"no pose: the keyframe has no pose: map with odometry": 2}
    poses = PoseErrors(6, 4, errors, np.array([2.0, 5.0, 30.0]), reasons)
    return Verdicts(tally, outcomes, 20, causes, Limits(), poses)


@pytest.fixture(scope="session")
def html(findings):
    pytest.importorskip("matplotlib", reason="reports need matplotlib and jinja2")
    return page(findings)


@pytest.fixture(scope="session")
def secret_html(findings, html):
    """The page of a set whose truth nobody tells."""
    return page(
        replace(findings, results=(), verdicts=None, study=None, cases=(), matrix=None, notes=())
    )
