# SPDX-License-Identifier: Apache-2.0
"""The papers' figures: plausible, with their sources, and found by the names of data sets."""

import pytest

from vpr_ros.evaluation.protocols import PROTOCOLS
from vpr_ros.evaluation.published.costs import COSTS
from vpr_ros.evaluation.published.recalls import RECALLS, published_recalls


def test_every_figure_is_a_share_and_has_a_source():
    for each in RECALLS:
        values = [each.recall[count] for count in sorted(each.recall)]
        assert values == sorted(values), each
        assert 0.0 < values[0] < values[-1] < 1.0 or each.data_set == "tokyo247", each
        assert each.source
        assert each.data_set.split()[0] in PROTOCOLS, each


def test_some_figures_as_printed():
    best = published_recalls("msls val")[0]
    assert best.method == "R2Former, ViT-B"
    assert best.recall == {1: 0.9, 5: 0.951, 10: 0.969}
    transvpr = {each.data_set: each.recall[1] for each in RECALLS if each.method == "TransVPR"}
    assert transvpr == {
        "msls val": 0.868,
        "msls test": 0.639,
        "pitts30k test": 0.89,
        "tokyo247": 0.79,
    }


def test_names_of_sets_find_their_figures():
    assert published_recalls("msls-val") == published_recalls("msls val")
    assert published_recalls("pitts30k_test")
    assert [each.method for each in published_recalls("nordland-27592")] == [
        "R2Former",
        "Patch-NetVLAD",
    ]
    assert published_recalls("gardens") == ()


def test_costs():
    by_name = {cost.method: cost for cost in COSTS}
    assert by_name["R2Former"].reranking_ms == pytest.approx(202.37)
    assert by_name["ResNet101 + NetVLAD"].reranking_ms is None
    netvlad = by_name["ResNet101 + NetVLAD"]
    assert netvlad.global_size * 4e6 / 2**30 == pytest.approx(netvlad.million_gib, abs=0.01)
