# SPDX-License-Identifier: Apache-2.0
"""Methods are rows of three choices, and parts may be exchanged where they go together."""

import pytest

from vpr_ros.config import METHODS, CalibrationConfig, MapperConfig, PipelineConfig, with_settings
from vpr_ros.config.methods import DESCRIBERS, combined, prior_of, without_local
from vpr_ros.config.renamed import RENAMED_METHODS, RENAMED_SETTINGS
from vpr_ros.errors import ConfigError


@pytest.mark.parametrize("name", METHODS)
def test_a_name_stands_for_its_parts(name):
    method = combined(name)
    assert method is METHODS[name]
    assert method.describe in DESCRIBERS
    assert method.prior.half_score > 0.0 < method.prior.score_slope


@pytest.mark.parametrize(
    ("method", "changes", "expected"),
    [
        ("r2former_tiny", {"local": "sift"}, ("r2former_tiny", "sift", "homography")),
        ("r2former_tiny", {"local": "none"}, ("r2former_tiny", "none", "none")),
        ("r2former_tiny", {"rerank": "learned"}, ("r2former_tiny", "own", "learned")),
        ("r2former", {"rerank": "homography"}, ("r2former", "own", "homography")),
        ("r2former", {"local": "sift"}, ("r2former", "sift", "homography")),
        ("r2former", {"rerank": "none"}, ("r2former", "own", "none")),
        ("hog_sift", {"local": "none"}, ("hog", "none", "none")),
        ("hog_sift", {"describe": "sup_vpr"}, ("sup_vpr", "own", "homography")),
        ("hog_sift", {"describe": "r2former"}, ("r2former", "own", "learned")),
        ("sup_vpr", {"describe": "hog"}, ("hog", "sift", "homography")),
        ("file", {}, ("file", "own", "homography")),
    ],
)
def test_parts_may_be_exchanged_and_the_rest_follows(method, changes, expected):
    parts = combined(method, **changes)
    assert (parts.describe, parts.local, parts.rerank) == expected
    assert PipelineConfig(method=method, **changes).parts == parts


@pytest.mark.parametrize(
    ("method", "changes", "said"),
    [
        ("hog_sift", {"local": "own"}, "hog has no local features: choose sift or none"),
        ("hog_sift", {"rerank": "learned"}, "choose local own"),
        ("r2former", {"local": "sift", "rerank": "learned"}, "choose local own"),
        ("r2former", {"local": "none", "rerank": "homography"}, "choose local own or sift"),
    ],
)
def test_parts_that_do_not_go_together_are_refused(method, changes, said):
    with pytest.raises(ConfigError, match=said):
        PipelineConfig(method=method, **changes)


def test_what_scores_are_worth_follows_what_compares():
    tiny = combined("r2former_tiny", rerank="learned").prior
    assert tiny == METHODS["r2former"].prior
    # Measured for the shipped network alone: of others more is asked.
    guessed, measured = combined("r2former", rerank="homography"), METHODS["r2former_tiny"]
    assert (guessed.measured, measured.measured) == (False, True)
    assert guessed.prior.half_score > measured.prior.half_score
    assert combined("appsvr", local="sift").prior == METHODS["hog_sift"].prior
    worth = [combined("appsvr", local=local).prior for local in ("own", "none")]
    assert worth[0] != worth[1]


def test_a_configuration_may_say_what_scores_are_worth():
    method = METHODS["hog_sift"]
    assert prior_of(method, CalibrationConfig()) == method.prior
    half = prior_of(method, CalibrationConfig(half_score=33.0))
    assert half == CalibrationConfig(33.0, method.prior.score_slope)


def test_a_file_without_local_features_is_searched_by_its_global_ones():
    parts = without_local(combined("file"), "auto", "auto")
    assert (parts.local, parts.rerank) == ("none", "none")


@pytest.mark.parametrize(("local", "rerank"), [("own", "auto"), ("auto", "homography")])
def test_unless_local_ones_were_asked_for(local, rerank):
    with pytest.raises(ConfigError, match="no local features: choose local sift or rerank none"):
        without_local(combined("file"), local, rerank)


@pytest.mark.parametrize("name", RENAMED_SETTINGS)
def test_a_setting_of_before_is_refused_with_its_new_name(name):
    with pytest.raises(ConfigError, match=f"^{name}: now it is "):
        with_settings(MapperConfig(), {name: 1})


@pytest.mark.parametrize("name", RENAMED_METHODS)
def test_a_method_of_before_is_refused_with_its_new_spelling(name):
    family, variant = RENAMED_METHODS[name].split("'")[1::2]
    with pytest.raises(ConfigError, match=rf"method = '{name}': now it is .*network\.variant"):
        PipelineConfig(method=name)
    assert f"{family}_{variant}" == name
    assert with_settings(PipelineConfig(), {"method": family, "network.variant": variant})


def test_a_runtime_that_went_is_refused_with_what_does_its_work():
    with pytest.raises(ConfigError, match="now it is runtime = 'onnxruntime'"):
        with_settings(PipelineConfig(), {"network.runtime": "openvino"})
