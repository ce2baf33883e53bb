# SPDX-License-Identifier: Apache-2.0
"""Folders of images named @east@north@...: positions, headings, splits."""

import pytest

from vpr_ros.errors import DatasetError
from vpr_ros.evaluation.protocols import read_set


def name(east, north=0.0, heading="", pano="p"):
    return f"@{east:010.2f}@{north:010.2f}@17@T@040.4@-079.9@{pano}@@{heading}@@@@@@.jpg"


def write(layout, database, queries, base="images/test/"):
    layout.images([f"{base}database/{each}" for each in database])
    layout.images([f"{base}queries/{each}" for each in queries])


@pytest.mark.parametrize("base", ["images/test/", ""])
def test_positions_are_in_the_names(layout, base):
    database = [name(584000.0), name(584025.0), name(584026.0)]
    write(layout, database, [name(584000.0), name(584000.0, pano="b"), name(1.0)], base)
    data = read_set("utm", layout.folder)
    (relevance,) = data.relevance.values()
    by_east = {pose.position[0]: each.tolist() for pose, each in zip(
        data.query_poses, relevance.positives, strict=True)}  # fmt: skip
    assert by_east == {584000.0: [0, 1], 1.0: []}
    assert relevance.counts_unmatched
    assert len(set(data.sequence_of.tolist())) == 2


def test_headings(layout):
    write(layout, [name(0.0, heading="350"), name(1.0, heading="180")], [name(0.0, heading="010")])
    data = read_set("utm", layout.folder, angle=40)
    assert data.relevance["25 m, 40 deg"].positives[0].tolist() == [0]


def test_names_that_hold_no_position(layout):
    write(layout, [name(0.0), "image1.jpg"], [name(0.0)])
    with pytest.raises(DatasetError, match=r"image1.jpg: a name that does not begin with @east"):
        read_set("utm", layout.folder)


def test_no_headings_and_no_positives(layout):
    write(layout, [name(0.0)], [name(100.0)])
    with pytest.raises(DatasetError, match="no query has a database image within 25 m"):
        read_set("utm", layout.folder)
    with pytest.raises(DatasetError, match="names without headings"):
        read_set("utm", layout.folder, angle=40)
    with pytest.raises(DatasetError, match="database: there is no such folder"):
        read_set("utm", layout.folder, split="val")
