# SPDX-License-Identifier: Apache-2.0
"""Studies find what running each setting by itself finds, and describe images no more often."""

import numpy as np
from retrieval_samples import drawn_set

from vpr_ros.config import PipelineConfig, with_settings
from vpr_ros.evaluation import studies
from vpr_ros.evaluation.runner import Task, Variant, run_all
from vpr_ros.evaluation.scores import RERANKED, score
from vpr_ros.evaluation.studies import run_study

COUNTS = (1, 3)
BASE = Variant("base", with_settings(PipelineConfig(method="hog_sift"), {"decision.candidates": 4}))


def alone(task, base, **settings):
    """Recall of one pipeline by itself."""
    values = {name.replace("__", "."): value for name, value in settings.items()}
    (run,) = run_all(task, [Variant("alone", with_settings(base.config, values))])
    recall = score(task.data, run, COUNTS).score(RERANKED).recall
    return {count: each.mean for count, each in recall.items()}


def test_candidates(tmp_path, monkeypatch):
    monkeypatch.setattr(studies, "CANDIDATES", (1, 2, 5, 10, 200))
    task = Task(drawn_set(shift=9), tmp_path)
    study = run_study("candidates", task, BASE, COUNTS)
    assert [point.x for point in study.points] == [1, 2, 5, 10, 20]  # there are no more images
    for point in study.points:
        assert point.recall == alone(task, BASE, decision__candidates=int(point.x))
    recalls = {point.recall[1] for point in study.points}
    assert len(recalls) > 1
    assert (np.diff([point.seconds for point in study.points]) > 0.0).all()


def test_efficiency(tmp_path, monkeypatch):
    monkeypatch.setattr(studies, "EFFICIENT_CANDIDATES", (1, 5))
    task = Task(drawn_set(shift=9), tmp_path)
    study = run_study("efficiency", task, BASE, COUNTS)
    assert len(study.points) == 6
    assert len({point.series for point in study.points}) == 3
    whole = [point for point in study.points if point.series.startswith("100 %")]
    assert whole[1].recall == alone(task, BASE, decision__candidates=5)
    sizes = sorted({point.place_bytes for point in study.points})
    assert sizes[0] < sizes[1] < sizes[2]
