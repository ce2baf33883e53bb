# SPDX-License-Identifier: Apache-2.0
"""R2Former's reranker in the pipeline: rows, batches, and scores of the published code."""

import numpy as np
import pytest
from r2former_samples import golden, local_features

from vpr_ros.datatypes import Features, LocalFeatures, ModelSpec
from vpr_ros.rerankers.r2former import R2FormerReranker, to_rows

SPEC = ModelSpec("r2former_reranker", "", 480, 640, (), (), 0, 128, "fp32", "1")
INPUT = (640, 480)
SOURCE = (1920, 1080)


class SumOfAttention:
    """Is as sure of a candidate as its rows' third column says, and notes what it was asked."""

    spec = SPEC
    description = "a sum"

    def __init__(self):
        self.asked = []

    def run(self, inputs):
        self.asked.append((inputs["query"].shape, inputs["candidates"].shape))
        assert {array.dtype for array in inputs.values()} == {np.dtype(np.float32)}
        sums = inputs["candidates"][:, :, 2].sum(axis=1)
        return {"scores": 1.0 - np.exp(-sums)}


def features(rows, size=SOURCE):
    """Rows of a network as the extractor passes them on."""
    scale = np.array(size) / np.array(INPUT) * max(INPUT)
    points = (rows[:, :2] * scale).astype(np.float32)
    return Features(np.zeros(1, np.float32), LocalFeatures(points, rows[:, 2], rows[:, 3:], size))


def image(count, attention=0.0):
    rows = np.zeros((count, 131), np.float32)
    rows[:1, 2] = attention
    return features(rows)


@pytest.mark.parametrize("size", [SOURCE, (640, 480), (333, 517)])
def test_rows_are_those_of_the_extractor(size):
    rows = local_features(1, 50)[0][0]
    np.testing.assert_allclose(to_rows(features(rows, size).local, INPUT), rows, rtol=0, atol=1e-6)


def test_scores_keep_the_order_of_candidates():
    backend = SumOfAttention()
    lengths = [9, 5, 9, 4, 9, 0, 5]
    candidates = [image(count, 1.0 + i) for i, count in enumerate(lengths)]
    scores = R2FormerReranker(backend, INPUT, batch=2).compare(image(7), candidates)
    assert [each.score for each in scores] == pytest.approx([1, 2, 3, 0, 5, 0, 7], rel=1e-4)
    assert {each.inliers for each in scores} == {-1}
    query = (1, 7, 131)
    assert backend.asked[1:] == [  # after the first one, which warms up
        (query, (2, 5, 131)),
        (query, (2, 9, 131)),
        (query, (1, 9, 131)),
    ]


def test_threads_keep_the_order_of_candidates():
    lengths = [9, 5, 9, 9, 5, 9, 9]
    candidates = [image(count, 1.0 + i) for i, count in enumerate(lengths)]
    reranker = R2FormerReranker(SumOfAttention(), INPUT, batch=1, threads=3)
    scores = [each.score for each in reranker.compare(image(7), candidates)]
    assert scores == pytest.approx([1, 2, 3, 4, 5, 6, 7], rel=1e-4)


@pytest.mark.parametrize(("probability", "score"), [(0.0, 0.0), (0.5, 0.6931), (1.0, 16.636)])
def test_a_score_is_a_number_however_sure_the_network_is(probability, score):
    backend = SumOfAttention()
    backend.run = lambda inputs: {"scores": np.full(1, probability, np.float32)}
    (found,) = R2FormerReranker(backend, INPUT).compare(image(7), [image(7)])
    assert found.score == pytest.approx(score, rel=1e-3)


def test_nothing_to_ask():
    backend = SumOfAttention()
    reranker = R2FormerReranker(backend, INPUT)
    backend.asked.clear()
    assert reranker.compare(image(9), []) == []
    assert [each.score for each in reranker.compare(image(4), [image(9)])] == [0.0]
    assert backend.asked == []


def test_images_without_local_features_score_0_and_shift_nobody():
    reranker, whole = R2FormerReranker(SumOfAttention(), INPUT), Features(np.ones(1, np.float32))
    scores = [each.score for each in reranker.compare(image(7), [whole, image(7, 0.1), whole])]
    assert scores == [0.0, pytest.approx(0.1, rel=1e-4), 0.0]
    assert [each.score for each in reranker.compare(whole, [image(7)])] == [0.0]


def test_published_scores():
    pytest.importorskip("torch", reason="the networks need PyTorch")
    pytest.importorskip("timm", reason="the networks need timm")
    from r2former_networks import filled_reranker

    from vpr_ros.backends.options import BackendOptions
    from vpr_ros.backends.torch_backend import TorchBackend

    reranker = R2FormerReranker(TorchBackend(filled_reranker(), SPEC, BackendOptions()), INPUT, 2)
    images = [features(rows) for rows in local_features()[0]]
    scores = {
        (left, right): score.score
        for left in range(3)
        for right, score in enumerate(reranker.compare(images[left], images))
    }
    expected = golden()
    found = [scores[tuple(pair)] for pair in expected["synth_pairs"].tolist()]
    probabilities = 1.0 - np.exp(-np.array(found))
    np.testing.assert_allclose(probabilities, expected["synth_prob"], rtol=0, atol=1e-4)
