# SPDX-License-Identifier: Apache-2.0
"""What the gate of an export measures, and what it lets pass."""

import math

import numpy as np
import pytest

from vpr_ros.backends.parity import (
    TOLERANCES,
    Figure,
    compare_extractors,
    compare_rerankers,
)

IMAGE = np.zeros((1, 3, 160, 224), np.float32)
COUNT = 40


class Graph:
    """Gives what it is told to."""

    def __init__(self, **outputs):
        self.outputs = outputs

    def run(self, inputs):
        return self.outputs


def described(seed=0):
    """What an extractor may give."""
    random = np.random.default_rng(seed)
    descriptor = random.standard_normal((1, 256)).astype(np.float32)
    places = random.permutation(140)[:COUNT]
    points = np.stack([places % 14 * 16 + 8, places // 14 * 16 + 8], 1) / 224
    scores = np.linspace(1, 0.1, COUNT)[:, None]
    rows = np.concatenate([points, scores, random.standard_normal((COUNT, 128))], 1)
    return {
        "global_descriptor": descriptor / np.linalg.norm(descriptor),
        "local_features": rows.astype(np.float32)[None],
    }


def compared(change):
    """Value by name of the figures of a graph whose outputs were changed."""
    found = described()
    change(found)
    figures = compare_extractors([described()], Graph(**found), [IMAGE], TOLERANCES["fp32"])
    assert len({figure.name for figure in figures}) == 4
    return figures


def test_equal_outputs_pass_and_their_order_does_not_matter():
    def shuffle(found):
        found["local_features"] = found["local_features"][:, ::-1]

    for figure in compared(shuffle):
        assert figure.passes
        assert figure.value == pytest.approx(1.0 if figure.is_least else 0.0, abs=1e-12)


def turn(found):
    found["global_descriptor"] = np.roll(found["global_descriptor"], 1)


def move(found):
    found["local_features"][0, :4, 0] += np.float32(16 / 224 / 2)


def disturb(found):
    found["local_features"][0, 7, 3:] += 1


def dim(found):
    found["local_features"][0, 7, 2] -= 0.05


def forget(found):
    found["local_features"][0, 7, 3:] = np.nan


@pytest.mark.parametrize(
    ("change", "failing"), [(turn, 0), (move, 1), (disturb, 2), (dim, 3), (forget, 2)]
)
def test_every_output_counts(change, failing):
    figures = compared(change)
    assert [figure.passes for figure in figures] == [number != failing for number in range(4)]


def test_share_of_places_in_common():
    assert compared(move)[1].value == pytest.approx(1 - 4 / COUNT)


def test_nothing_in_common():
    def elsewhere(found):
        found["local_features"][0, :, :2] += 2

    figures = compared(elsewhere)
    assert figures[1].value == 0.0
    assert [figure.passes for figure in figures] == [True, False, False, False]


def test_the_worst_image_counts():
    found = described(1)
    turn(found)
    graph, images = Graph(**found), [IMAGE, IMAGE]
    figures = compare_extractors([described(1), found], graph, images, TOLERANCES["int8"])
    assert not figures[0].passes


def test_rerankers():
    exact = np.array([0.9, 0.5, 0.4, 0.1], np.float32)
    graph = Graph(scores=np.array([0.9, 0.3, 0.45, 0.1], np.float32))
    difference, swapped = compare_rerankers(exact, graph, {}, TOLERANCES["fp32"])
    assert difference.value == pytest.approx(0.2)
    assert swapped.value == pytest.approx(0.1)
    assert not difference.passes
    assert not swapped.passes


def test_rerankers_in_one_order():
    exact = np.array([0.9, 0.5, 0.4], np.float32)
    difference, swapped = compare_rerankers(
        exact, Graph(scores=exact - np.float32(1e-5)), {}, TOLERANCES["fp32"]
    )
    assert difference.passes
    assert swapped.value == 0.0


def test_nan_never_passes():
    assert not Figure("a", math.nan, 0.5).passes
    assert not Figure("a", math.nan, 0.5, is_least=True).passes


def test_lines_for_people():
    assert str(Figure("cosine", 0.5, 0.9, is_least=True)).split() == [
        *("cosine", "0.500000", "at", "least", "0.9", "FAILS")
    ]
    assert "FAILS" not in str(Figure("difference", 0.5, 0.9))
