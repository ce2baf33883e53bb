# SPDX-License-Identifier: Apache-2.0
"""Studies find what running each setting by itself finds, and describe images no more often."""

import numpy as np
import pytest
from retrieval_samples import drawn_set

from vpr_ros.config import PipelineConfig, settings_of, with_settings
from vpr_ros.errors import ConfigError
from vpr_ros.evaluation import studies
from vpr_ros.evaluation.runner import Task, Variant, run_all
from vpr_ros.evaluation.scoring import RERANKED, judge
from vpr_ros.evaluation.studies import run_study

COUNTS = (1, 3)
BASE = Variant("base", with_settings(PipelineConfig(method="hog_sift"), {"decision.candidates": 4}))


def alone(task, base, **settings):
    """Recall of one pipeline by itself."""
    values = {name.replace("__", "."): value for name, value in settings.items()}
    (run,) = run_all(task, [Variant("alone", with_settings(base.config, values))])
    recall = judge(task.data, run, COUNTS).score(RERANKED).recall
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


@pytest.mark.parametrize("name", ["tau", "masks", "levels"])
def test_some_are_about_transvpr(tmp_path, name):
    with pytest.raises(ConfigError, match=r"about TransVPR.*hog_sift"):
        run_study(name, Task(drawn_set(), tmp_path), BASE, COUNTS)


@pytest.fixture(scope="module")
def transvpr(generated_weights):
    values = {
        "method": "transvpr",
        "network.weights": str(generated_weights("transvpr")),
        "network.runtime": "pytorch",
        "network.width": 96,
        "network.height": 64,
        "decision.candidates": 3,
    }
    return Variant("transvpr", with_settings(PipelineConfig(method="hog_sift"), values))


def test_thresholds_are_applied_to_what_is_kept(tmp_path, monkeypatch, transvpr):
    monkeypatch.setattr(studies, "TAUS", (0.0, 0.3))
    task = Task(drawn_set(shift=9, size=5), tmp_path)
    study = run_study("tau", task, transvpr, COUNTS)
    assert len(list(tmp_path.glob("*/*"))) == 2  # both lists once, for all thresholds
    assert study.points[1].recall == alone(task, transvpr, transvpr__min_score=0.3)
    assert study.points[0].place_bytes > study.points[1].place_bytes


@pytest.mark.parametrize(
    ("name", "rule", "count", "changed"),
    [
        ("masks", "clean", 7, ("transvpr.mask_low", "transvpr.mask_mid", "transvpr.mask_high")),
        ("levels", "clean", 7, ("transvpr.patch_level",)),
        ("tau", "reference", 9, ("transvpr.min_score",)),  # that rule applies it by itself
    ],
)
def test_other_studies_run_each_setting(tmp_path, monkeypatch, name, rule, count, changed):
    """What is run, without running it: a network takes its time."""
    config = with_settings(BASE.config, {"method": "transvpr", "homography.rule": rule})
    task, asked = Task(drawn_set(shift=9), tmp_path), []
    (run,) = run_all(task, [BASE])

    def noted(_, variants):
        asked.extend(variants)
        return [run]

    monkeypatch.setattr(studies, "run_all", noted)
    study = run_study(name, task, Variant("base", config), COUNTS)
    assert len(study.points) == len({variant.config for variant in asked}) == count
    for variant in asked:
        own, base = dict(_values(variant.config)), dict(_values(config))
        assert {key for key in own if own[key] != base[key]} <= set(changed)
    if name == "masks":
        assert [point.label for point in study.points][-1] == "low + mid + high"


def _values(config):
    return [(name, value) for name, value, _ in settings_of(config)]
