# SPDX-License-Identifier: Apache-2.0
"""Revisited Oxford and Paris: three levels, cropped queries, and pickles that want to run code."""

import os

import numpy as np
import pytest

from vpr_ros.errors import DatasetError, ImageError
from vpr_ros.evaluation.metrics.rankings import average_precisions
from vpr_ros.evaluation.protocols import read_set

GROUND_TRUTH = [
    {"bbx": [1.4, 2.0, 5.6, 4.0], "easy": np.array([0]), "hard": [2], "junk": [1]},
    {"bbx": [0, 0, 100, 100], "easy": [], "hard": [3, 1], "junk": np.array([], int)},
]


def write_oxford(layout, truth=GROUND_TRUTH, **changes):
    content = {"imlist": ["a", "b", "c", "d"], "qimlist": ["q", "r"], "gnd": truth, **changes}
    layout.pickle("gnd_roxford5k.pkl", content)
    layout.images([f"jpg/{name}.jpg" for name in "abcd"])
    for name in "qr":
        layout.image(f"jpg/{name}.jpg", size=(20, 30))


def test_three_levels(layout):
    write_oxford(layout)
    levels = read_set("roxford5k", layout.folder).relevance
    found = {
        level: (
            [each.tolist() for each in rule.positives],
            [each.tolist() for each in rule.ignored],
        )
        for level, rule in levels.items()
    }
    assert found == {
        "easy": ([[0], []], [[1, 2], [1, 3]]),
        "medium": ([[0, 2], [1, 3]], [[1], []]),
        "hard": ([[2], [1, 3]], [[0, 1], []]),
    }
    rankings = [np.array([1, 0, 3, 2]), np.array([0, 1, 2, 3])]
    first, second = average_precisions(rankings, levels["easy"])
    assert first == 1.0
    assert np.isnan(second), "query 2 has no easy image"


def test_queries_are_cropped(layout):
    write_oxford(layout)
    queries = read_set("roxford5k", layout.folder).queries
    assert queries.read(0).shape == (2, 5, 3)
    assert queries.read(1).shape == (20, 30, 3)


def test_a_box_outside_of_its_image(layout):
    write_oxford(layout, [{**GROUND_TRUTH[0], "bbx": [40, 0, 50, 9]}, GROUND_TRUTH[1]])
    with pytest.raises(ImageError, match=r"q.jpg: the query's box lies outside"):
        read_set("roxford5k", layout.folder).queries.read(0)


class Runs:
    def __reduce__(self):
        return os.mkdir, ("pwned",)


def test_pickles_run_nothing(layout, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    layout.pickle("gnd_roxford5k.pkl", {"gnd": Runs()})
    with pytest.raises(DatasetError, match=r"gnd_roxford5k.pkl: not a pickle of plain data.*mkdir"):
        read_set("roxford5k", layout.folder)
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"gnd": GROUND_TRUTH[:1]}, "1 entries of gnd for 2 queries"),
        ({"gnd": [{"bbx": [0, 0, 1, 1]}] * 2}, "has no indices 'easy'"),
        ({"gnd": [{**GROUND_TRUTH[0], "hard": [4]}] * 2}, "'hard' names image 4 of 4"),
        ({"gnd": [{**GROUND_TRUTH[0], "bbx": [1, 2]}] * 2}, "no box bbx of four numbers"),
    ],
)
def test_wrong_truth(layout, changes, said):
    write_oxford(layout, **changes)
    with pytest.raises(DatasetError, match=said):
        read_set("roxford5k", layout.folder)


@pytest.mark.parametrize("content", [b"", b"\x80\x02garbage", b"\x80\x02]q\x00."])
def test_damaged_pickles(layout, content):
    (layout.folder / "gnd_rparis6k.pkl").write_bytes(content)
    with pytest.raises(DatasetError, match=r"gnd_rparis6k.pkl: not a"):
        read_set("rparis6k", layout.folder)
