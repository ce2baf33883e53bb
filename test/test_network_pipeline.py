# SPDX-License-Identifier: Apache-2.0
"""Networks in the whole line, from an image to a verdict, with generated weights."""

import numpy as np
import pytest

from vpr_ros import pipeline
from vpr_ros.config import PipelineConfig, with_settings
from vpr_ros.config.methods import DESCRIBERS, FILE
from vpr_ros.datatypes import Keyframe, Pose, Query, Verdict
from vpr_ros.errors import BackendError, ConfigError, MapError, WeightsError
from vpr_ros.extractors import HAND_MADE
from vpr_ros.models import NETWORKS, VARIANTS, variant_of

SMALL = {"network.width": 224, "network.height": 160}
S = 10**9


def configured(**settings):
    """A configuration from settings whose dots are written as two underscores."""
    values = {name.replace("__", "."): value for name, value in settings.items()}
    return with_settings(PipelineConfig(method="hog_sift"), {**SMALL, **values})


@pytest.fixture(scope="module", params=["transvpr", "r2former", "appsvr"])
def method(request):
    return request.param


@pytest.fixture(scope="module")
def weights(method, generated_weights):
    return str(generated_weights(method))


def learn(line, path, scenes):
    """A map of these scenes, 50 m apart."""
    with line.continue_map(path) as place_map:
        place_map.begin_session("monday")
        for number, image in enumerate(scenes):
            pose = Pose((50.0 * number, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0), "odom")
            place_map.append(Keyframe(number * 20 * S, line.extractor.extract(image), pose))
        place_map.commit()
    return path


def test_the_table_of_networks_and_the_configuration_name_the_same_methods():
    rerankers = {network.reranker for network in NETWORKS.values()}
    variants = {variant_of(name, each) for name in VARIANTS for each in VARIANTS[name]}
    families = {name for name in DESCRIBERS if name not in (*HAND_MADE, FILE)}
    assert families | variants == {*NETWORKS} - rerankers
    assert set(HAND_MADE) < set(DESCRIBERS)


def test_from_an_image_to_a_verdict(method, weights, scene, tmp_path):
    line = pipeline.build(configured(method=method, network__weights=weights, codec="float32"))
    path = learn(line, tmp_path / "route.vprmap", [scene(number) for number in range(4)])
    with line.open_map(path) as place_map:
        answer = line.recognizer(place_map).answer(Query(line.extractor.extract(scene(2)), 7))
    best = answer.candidates[0]
    assert (best.keyframe.key.id, len(answer.candidates)) == (3, 4)
    assert best.similarity == pytest.approx(1.0, abs=1e-5)
    assert all(np.isfinite(each.comparison.score) for each in answer.candidates)
    assert method == "r2former" or best.comparison.inliers > 30
    assert list(answer.timings_s) == ["retrieve", "load", "rerank", "decide"]


def test_the_reference_rule_needs_all_patches(generated_weights, scene):
    line = pipeline.build(
        configured(
            method="transvpr",
            network__weights=str(generated_weights("transvpr")),
            homography__rule="reference",
        )
    )
    features = line.extractor.extract(scene(1))
    assert len(features.local) == 10 * 14
    assert line.reranker.compare(features, [features])[0].inliers > 50


def test_maps_of_another_input_are_refused_but_not_of_more_features(
    method, weights, scene, tmp_path
):
    line = pipeline.build(configured(method=method, network__weights=weights))
    path = learn(line, tmp_path / "route.vprmap", [scene(1)])
    other = {"network__width": 160, "network__height": 112}
    with pytest.raises(MapError, match=method):
        pipeline.build(configured(method=method, network__weights=weights, **other)).open_map(path)
    fewer = {"network__min_score": 0.5} if method == "transvpr" else {"network__num_local": 9}
    few = pipeline.build(configured(method=method, network__weights=weights, **fewer))
    few.open_map(path).close()
    assert len(few.extractor.extract(scene(1)).local) < len(line.extractor.extract(scene(1)).local)


def test_patches_of_fourteen_pixels(generated_weights, scene, tmp_path):
    weights = str(generated_weights("sup_vpr_small"))
    size = {"network__width": 112, "network__height": 84, "network__variant": "small"}
    line = pipeline.build(configured(method="sup_vpr", network__weights=weights, **size))
    path = learn(line, tmp_path / "route.vprmap", [scene(number) for number in range(3)])
    with line.open_map(path) as place_map:
        answer = line.recognizer(place_map).answer(Query(line.extractor.extract(scene(1)), 7))
    assert answer.candidates[0].keyframe.key.id == 2
    assert answer.candidates[0].comparison.inliers > 30


def test_the_reference_rule_is_of_another_method(generated_weights):
    weights = str(generated_weights("appsvr"))
    with pytest.raises(ConfigError, match="is TransVPR's, not appsvr's"):
        pipeline.build(
            configured(method="appsvr", network__weights=weights, homography__rule="reference")
        )


def test_a_learned_reranker_that_a_method_does_not_have(generated_weights):
    weights = str(generated_weights("appsvr"))
    with pytest.raises(ConfigError, match="appsvr has no network for that: choose homography"):
        pipeline.build(configured(method="appsvr", network__weights=weights, rerank="learned"))


def test_a_variant_that_a_method_does_not_have():
    with pytest.raises(ConfigError, match="variant = 'huge': sup_vpr has reg, base, base_reg"):
        pipeline.build(configured(method="sup_vpr", network__variant="huge"))


def test_parts_may_be_exchanged(scene):
    """The package's own network beside SIFT; and alone, by its global descriptors."""
    beside = pipeline.build(PipelineConfig(local="sift"))
    features = beside.extractor.extract(scene(1))
    assert features.local.descriptors.shape[1] == 128
    assert beside.reranker.compare(features, [features])[0].inliers > 50
    assert beside.description.startswith("r2former_tiny + sift + homography, ")
    alone = pipeline.build(PipelineConfig(local="none"))
    assert alone.extractor.extract(scene(1)).local is None
    assert alone.extractor.spec.space != beside.extractor.spec.space


def test_a_map_without_local_features_is_searched_and_calibrated(scene, tmp_path):
    line = pipeline.build(PipelineConfig(method="hog_sift", local="none"))
    path = learn(line, tmp_path / "route.vprmap", [scene(number) for number in range(30)])
    with line.open_map(path) as place_map:
        record = line.calibrator.of(place_map)
        answer = line.recognizer(place_map, record).answer(
            Query(line.extractor.extract(scene(7)), 7)
        )
    assert record.calibration.of_map
    assert answer.candidates[0].keyframe.stamp_ns == 7 * 20 * S
    assert answer.verdict is Verdict.ACCEPTED


@pytest.mark.parametrize(
    ("settings", "error", "said"),
    [
        ({}, WeightsError, "needs network.weights"),
        ({"network__weights": "none.pth"}, WeightsError, r"none\.pth"),
        ({"network__weights": "none.tflite"}, BackendError, r"\.tflite"),
        ({"network__weights": "a.pth", "network__width": 0}, ConfigError, "give both, or none"),
        ({"network__weights": "a.pth", "network__device": "tpu"}, BackendError, "'tpu'"),
    ],
)
def test_what_cannot_be_built_is_refused(settings, error, said):
    pytest.importorskip("torch", reason="the networks need PyTorch")
    with pytest.raises(error, match=said):
        pipeline.build(configured(method="transvpr", **settings))


def test_weights_of_the_other_method_are_refused(method, weights):
    other = {"transvpr": "r2former"}.get(method, "transvpr")
    with pytest.raises(WeightsError, match=f"does not fit {other}.*it fits .*{method}"):
        pipeline.build(configured(method=other, network__weights=weights))
