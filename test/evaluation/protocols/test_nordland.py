# SPDX-License-Identifier: Apache-2.0
"""Nordland: three partitions, each with its own rule, and lists of the images that count."""

import pytest

from vpr_ros.errors import DatasetError
from vpr_ros.evaluation.protocols import read_set


def seasons(layout, queries, database, names=("winter", "summer")):
    layout.images([f"{names[0]}/images-{n:05}.png" for n in range(queries)])
    layout.images([f"{names[1]}/images-{n:05}.png" for n in range(database)])


def test_ten_frames(layout):
    seasons(layout, 30, 30)
    data = read_set("nordland", layout.folder, check=False)
    (relevance,) = data.relevance.values()
    assert list(data.relevance) == ["10 frames"]
    assert relevance.positives[0].tolist() == list(range(11))
    assert relevance.positives[15].tolist() == list(range(5, 26))
    assert data.queries.read(7)[0, 0, 0] == 7
    narrow = read_set("nordland", layout.folder, check=False, tolerance=7)
    assert len(narrow.relevance["7 frames"].positives[15]) == 15


def test_every_tenth_frame_is_a_query(layout):
    seasons(layout, 3, 30, ("query", "ref"))
    (relevance,) = read_set("nordland-2760", layout.folder, check=False).relevance.values()
    # The first of those that VPR-Bench publishes.
    assert [each.tolist() for each in relevance.positives] == [[0, 1], [9, 10, 11], [19, 20, 21]]


def test_two_frames_in_folders_of_sections(layout):
    layout.images([f"{season}/section{s}/{n}.png" for season in ("winter", "summer")
                   for s in (1, 2) for n in (2, 10, 1)])  # fmt: skip
    data = read_set("nordland-3450", layout.folder, check=False)
    assert list(data.queries.names)[:4] == [
        "section1/1.png", "section1/2.png", "section1/10.png", "section2/1.png",
    ]  # fmt: skip
    assert data.relevance["2 frames"].positives[5].tolist() == [3, 4, 5]


def test_a_list_says_which_images_count(layout):
    seasons(layout, 6, 6)
    lines = [f"./nordland/summer/images-{n:05}.png" for n in (1, 2, 4)]
    layout.text("list.txt", "\n".join(lines))
    data = read_set("nordland", layout.folder, images="list.txt", check=False)
    assert list(data.database.names) == ["images-00001.png", "images-00002.png", "images-00004.png"]
    assert data.queries.names == data.database.names


def test_published_numbers_of_images_are_asked_for(layout):
    seasons(layout, 6, 6)
    with pytest.raises(DatasetError, match="summer: 6 images, published are 27592: name those"):
        read_set("nordland", layout.folder)
    with pytest.raises(DatasetError, match="autumn: there is no such folder"):
        read_set("nordland", layout.folder, queries="autumn")
    layout.text("list.txt", "images-00007.png")
    with pytest.raises(DatasetError, match=r"images-00007.png: missing"):
        read_set("nordland", layout.folder, images="list.txt", check=False)
