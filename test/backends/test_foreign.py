# SPDX-License-Identifier: Apache-2.0
"""An ONNX file that others exported runs by a JSON file that somebody wrote beside it."""

import hashlib
import json

import numpy as np
import pytest

from vpr_ros import pipeline
from vpr_ros.backends import open_backend
from vpr_ros.config import PipelineConfig, with_settings
from vpr_ros.datatypes import Keyframe, Query
from vpr_ros.errors import ConfigError, WeightsError

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
make = onnx.helper

WIDTH, HEIGHT = 32, 24
SIDECAR = {
    "method": "means",
    "input_height": HEIGHT,
    "input_width": WIDTH,
    "mean": [0.5, 0.5, 0.5],
    "std": [0.25, 0.25, 0.25],
    "global_dim": 36,
    "ports": {"image": "input", "global_descriptor": "embedding"},
}
LOCAL_PORTS = {"keypoints": "points", "scores": "scores", "descriptors": "desc"}
POINTS = np.array([[[4.0, 4.0], [12.0, 4.0], [28.0, 20.0]]], np.float32)
SCORES = np.array([[0.9, 0.8, 0.1]], np.float32)


def model(local=False):
    """Means of 8 x 8 pixels as the global descriptor; three points that are always the same."""
    nodes = [
        make.make_node("AveragePool", ["input"], ["pooled"], kernel_shape=[8, 8], strides=[8, 8]),
        make.make_node("Flatten", ["pooled"], ["embedding"]),
    ]
    outputs, constants = {"embedding": [1, 36]}, []
    if local:
        descriptors = np.eye(3, 5, dtype=np.float32)[None]
        for name, values in (("points", POINTS), ("scores", SCORES), ("desc", descriptors)):
            constants.append(onnx.numpy_helper.from_array(values, f"{name}_values"))
            nodes.append(make.make_node("Identity", [f"{name}_values"], [name]))
            outputs[name] = list(values.shape)
    kind = onnx.TensorProto.FLOAT
    graph = make.make_graph(
        nodes,
        "means",
        [make.make_tensor_value_info("input", kind, [1, 3, HEIGHT, WIDTH])],
        [make.make_tensor_value_info(name, kind, shape) for name, shape in outputs.items()],
        constants,
    )
    made = make.make_model(graph, opset_imports=[make.make_opsetid("", 17)])
    made.ir_version = 9
    return made.SerializeToString()


@pytest.fixture
def write(tmp_path):
    """The function that writes such a file, and what is said of it."""

    def written(local=False, **changes):
        path = tmp_path / "means.onnx"
        path.write_bytes(model(local))
        sidecar = {**SIDECAR, **changes}
        (tmp_path / "means.onnx.json").write_text(json.dumps(sidecar))
        return path

    return written


def configured(path, **changes):
    values = {"method": "file", "network.weights": str(path), "network.device": "cpu"}
    return with_settings(PipelineConfig(), {**values, **changes})


def test_it_says_what_it_is_by_its_content(write):
    path = write()
    spec = open_backend(path).spec
    assert spec.method == "means"
    assert spec.weights_sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (spec.local_dim, spec.precision, spec.exporter_version) == (0, "fp32", "")
    assert spec.runtime.startswith("ONNX Runtime ")


def test_inputs_and_outputs_have_the_names_of_this_package(write):
    image = np.random.default_rng(0).normal(size=(1, 3, HEIGHT, WIDTH)).astype(np.float32)
    outputs = open_backend(write()).run({"image": image})
    assert list(outputs) == ["global_descriptor"]
    means = image.reshape(3, 3, 8, 4, 8).mean(axis=(2, 4)).ravel()
    np.testing.assert_allclose(outputs["global_descriptor"][0], means, atol=1e-6)


def test_points_scores_and_descriptors_become_rows(write):
    ports = {**SIDECAR["ports"], **LOCAL_PORTS}
    backend = open_backend(write(local=True, local_dim=5, ports=ports))
    outputs = backend.run({"image": np.zeros((1, 3, HEIGHT, WIDTH), np.float32)})
    rows = outputs["local_features"]
    assert (rows.shape, rows.dtype) == ((1, 3, 8), np.float32)
    np.testing.assert_allclose(rows[0, :, :2], POINTS[0] / WIDTH)
    np.testing.assert_allclose(rows[0, :, 2], SCORES[0])


def test_from_an_image_to_a_verdict_by_the_global_descriptor_alone(write, scene, tmp_path):
    line = pipeline.build(configured(write()))
    assert (line.parts.local, line.parts.rerank) == ("none", "none")
    path = tmp_path / "route.vprmap"
    with line.continue_map(path) as place_map:
        place_map.begin_session("monday")
        for number in range(4):
            features = line.extractor.extract(scene(number))
            assert features.local is None
            place_map.append(Keyframe(number * 20 * 10**9, features))
        place_map.commit()
    with line.open_map(path) as place_map:
        answer = line.recognizer(place_map).answer(Query(line.extractor.extract(scene(2)), 7))
    best = answer.candidates[0]
    assert best.keyframe.stamp_ns == 40 * 10**9
    assert best.similarity == pytest.approx(1.0, abs=1e-5)
    assert best.comparison.inliers == -1
    assert answer.probability > 0.99
    assert "score" in answer.reason


def test_it_may_have_sift_beside_it(write, scene):
    line = pipeline.build(configured(write(), local="sift"))
    features = line.extractor.extract(scene(1))
    assert line.reranker.compare(features, [features])[0].inliers > 50


def test_local_features_are_given_in_pixels_of_the_image(write, scene):
    ports = {**SIDECAR["ports"], **LOCAL_PORTS}
    line = pipeline.build(configured(write(local=True, local_dim=5, pitch=8, ports=ports)))
    local = line.extractor.extract(scene(1)).local
    np.testing.assert_allclose(local.keypoints, POINTS[0] * (320 / WIDTH, 240 / HEIGHT), rtol=1e-5)


def test_local_features_that_it_does_not_have_are_refused(write):
    with pytest.raises(ConfigError, match="no local features: choose local sift or rerank none"):
        pipeline.build(configured(write(), local="own"))


def test_without_a_word_beside_it_the_remedy_is_named(write):
    path = write()
    path.with_name("means.onnx.json").unlink()
    with pytest.raises(WeightsError, match=r"'vpr export', or write means\.onnx\.json beside it"):
        open_backend(path)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"ports": {"image": "pixels"}}, "turns input into embedding: pixels and global_desc"),
        ({"ports": {"image": "input"}}, "say in 'ports' of means.onnx.json"),
        ({"local_dim": 5}, "embedding, local_features are asked for"),
        ({"colour": "bgr"}, "has unknown colour; known: method"),
        ({"mean": 3}, "no model specification"),
        ({"input_width": -3}, "input_width = -3"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(changes, said, write):
    with pytest.raises(WeightsError, match=said) as raised:
        open_backend(write(**changes))
    assert "\n" not in str(raised.value)


def test_what_is_missing_is_named(write):
    path = write()
    beside = path.with_name("means.onnx.json")
    beside.write_text(json.dumps({k: v for k, v in SIDECAR.items() if k != "std"}))
    with pytest.raises(WeightsError, match="lacks std; known"):
        open_backend(path)
    beside.write_text("[]")
    with pytest.raises(WeightsError, match="must be a JSON object"):
        open_backend(path)
