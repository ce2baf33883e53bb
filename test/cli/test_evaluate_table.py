# SPDX-License-Identifier: Apache-2.0
"""What papers say of a data set stands beside one's own figures."""

from vpr_ros.cli.evaluate_table import published


def test_the_figures_of_papers_come_best_first_with_their_source():
    blank, head, best, *others = published("msls-val")
    assert blank == ""
    assert head.split() == ["as", "published", "R@1", "R@5", "R@10"]
    assert best.startswith("R2Former, ViT-B (Zhu et al., R2Former, CVPR 2023, poster")
    assert best.split()[-3:] == ["90.0", "95.1", "96.9"]
    assert len({len(head), len(best)}) == 1
    assert any(line.startswith("TransVPR (") for line in others)


def test_a_set_that_no_paper_knows_says_nothing():
    assert not list(published("my office"))
