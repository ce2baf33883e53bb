# SPDX-License-Identifier: Apache-2.0
"""The network that comes with the package: where it is, and that it knows places."""

import math
from pathlib import Path

import numpy as np
import pytest

from vpr_ros import pipeline
from vpr_ros.backends.exported import reranker_path
from vpr_ros.config import PipelineConfig, with_settings
from vpr_ros.errors import WeightsError
from vpr_ros.models import known_weights
from vpr_ros.models.known_weights import SHIPPED, shipped_file

MEGABYTE = 1_000_000
WEIGHTS = Path(known_weights.__file__).parents[2] / "weights"


@pytest.fixture(scope="module")
def line():
    return pipeline.build(with_settings(PipelineConfig(), {"network.device": "cpu"}))


def test_it_is_the_default():
    assert shipped_file(PipelineConfig().method) is not None
    assert shipped_file("hog_sift") is None


def test_it_is_small():
    path = shipped_file("r2former_tiny")
    files = [path, reranker_path(path)]
    assert all(each.is_file() for each in files)
    assert sum(each.stat().st_size for each in files) < 12 * MEGABYTE
    assert "_fp16" in path.name


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """The prefix of a workspace, a virtual environment or /opt/ros that the module runs from."""
    prefix = tmp_path / "home/ws/install"
    module = prefix / "lib/python3.12/site-packages/vpr_ros/models/known_weights.py"
    monkeypatch.setattr(known_weights, "__file__", str(module))
    return prefix


def put(folder):
    folder.mkdir(parents=True)
    path = folder / SHIPPED["r2former_tiny"]
    path.touch()
    return path


def test_where_it_is_installed(installed):
    path = put(installed / "share/vpr_ros/weights")
    assert shipped_file("r2former_tiny") == path


def test_nobody_elses_weights_are_run(installed, tmp_path):
    """Folders above an installation belong to others, whatever their files are called."""
    put(tmp_path / "home/weights")
    put(installed / "weights")
    put(installed / "lib/weights")
    put(tmp_path / "home/share/vpr_ros/weights")
    with pytest.raises(WeightsError, match=r"share/vpr_ros/weights/.* is missing.*install the"):
        shipped_file("r2former_tiny")
    assert shipped_file("hog_sift") is None


def test_a_checkout_has_its_own(tmp_path, monkeypatch):
    monkeypatch.setattr(
        known_weights, "__file__", str(tmp_path / "vpr_ros/models/known_weights.py")
    )
    (tmp_path / "setup.py").touch()
    with pytest.raises(WeightsError, match="is missing"):
        shipped_file("r2former_tiny")
    path = put(tmp_path / "weights")
    assert shipped_file("r2former_tiny") == path


def test_pytorch_reads_what_it_was_made_of(line, scene):
    """Training goes on from this file; the exported one computes the same."""
    pytest.importorskip("torch", reason="reads weights")
    pytest.importorskip("timm", reason="makes the network")
    settings = {
        "network.weights": str(WEIGHTS / "r2former_tiny.safetensors"),
        "network.device": "cpu",
    }
    exact = pipeline.build(with_settings(PipelineConfig(), settings))
    found, expected = (each.extractor.extract(scene(1)) for each in (line, exact))
    assert float(found.global_descriptor @ expected.global_descriptor) > 0.999


def test_it_knows_a_scene_again(line, scene):
    """Darker, cut and shifted; whatever reranks puts the right one first, too."""
    known = [line.extractor.extract(scene(number)) for number in range(8)]
    for number in range(8):
        image = scene(number)
        height, width = image.shape[:2]
        cut = image[height // 12 :, width // 10 :]
        query = line.extractor.extract((cut * 0.6).astype(np.uint8))
        similarities = [query.global_descriptor @ each.global_descriptor for each in known]
        assert int(np.argmax(similarities)) == number
        scores = [each.score for each in line.reranker.compare(query, known)]
        assert int(np.argmax(scores)) == number


def test_its_learned_reranker(line, scene):
    settings = {"network.device": "cpu", "rerank": "learned"}
    other = pipeline.build(with_settings(PipelineConfig(), settings))
    known = [other.extractor.extract(scene(number)) for number in range(4)]
    scores = other.reranker.compare(known[2], known)
    assert all(math.isfinite(each.score) and each.score > 0.0 for each in scores)
    assert {each.inliers for each in scores} == {-1}
    assert line.reranker.compare(known[2], known)[2].inliers > 50
    assert other.prior.half_score < 1.0 < line.prior.half_score, "evidence, not counts"
