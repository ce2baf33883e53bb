# SPDX-License-Identifier: Apache-2.0
"""Plain folders: with a CSV file of places or of frames, and with positives.json."""

import json

import numpy as np
import pytest

from vpr_ros.errors import DatasetError
from vpr_ros.evaluation.metrics.rankings import first_hits
from vpr_ros.evaluation.protocols import read_set


def table(layout, columns, rows, name="manifest.csv"):
    layout.table(name, columns, rows)
    layout.images([row[0] for row in rows])


def test_frames_in_order(layout):
    rows = [(f"database/{n}.jpg", "database", n) for n in range(5)]
    rows += [(f"queries/{n}.jpg", "queries", n) for n in (0, 4, 9)]
    table(layout, ("image", "split", "frame"), rows)
    (relevance,) = read_set("csv", layout.folder).relevance.values()
    assert [each.tolist() for each in relevance.positives] == [[0, 1, 2], [2, 3, 4], []]
    assert not relevance.counts_unmatched, "a query off the map is no miss"
    assert read_set("csv", layout.folder, tolerance="0").relevance["0 of frame"]


def test_walks_maps_and_conditions(layout):
    rows = [
        ("a.jpg", "database", "floor1", "clip1", 1),
        ("b.jpg", "database", "floor1", "clip2", 2),
        ("c.jpg", "database", "floor2", "clip3", 2),
        ("d.jpg", "query", "floor1", "clip1", 2),
    ]
    table(layout, ("image", "split", "floor", "clip", "second"), rows)
    options = {"order": "second", "tolerance": 3, "walk": "clip", "map": "floor"}
    data = read_set("csv", layout.folder, condition="floor", **options)
    (relevance,) = data.relevance.values()
    assert relevance.positives[0].tolist() == [0]
    assert relevance.ignored[0].tolist() == [2], "another floor is another map"
    assert first_hits([np.array([2, 0, 1])], relevance).tolist() == [0]
    assert data.conditions["floor1"].tolist() == [0]


def test_places_and_headings(layout):
    rows = [
        ("a.jpg", "database", 0.0, 0.0, 0.0, 350),
        ("b.jpg", "database", 3.0, 4.0, 0.0, 180),
        ("c.jpg", "database", 0.0, 0.0, 9.0, 0),
        ("q.jpg", "query", 0.0, 0.0, 0.0, 10),
    ]
    table(layout, ("image", "split", "x", "y", "z", "heading"), rows)
    near = read_set("csv", layout.folder, distance=5).relevance["5 m"]
    assert near.positives[0].tolist() == [0, 1]
    data = read_set("csv", layout.folder, distance=5, angle=40)
    assert data.relevance["5 m, 40 deg"].positives[0].tolist() == [0]
    assert data.database_poses[2].position == (0.0, 0.0, 9.0)


def test_quaternions_in_a_table(layout):
    turned = (0, 0, 1, 0)
    rows = [
        ("a.jpg", "database", 0.0, 0.0, *turned),
        ("b.jpg", "database", 0.0, 0.0, 0, 0, 0, 1),
        ("q.jpg", "query", 0.0, 0.0, *turned),
    ]
    columns = ("image", "split", "x", "y", "qx", "qy", "qz", "qw")
    table(layout, columns, rows)
    data = read_set("csv", layout.folder, angle=40)
    assert data.relevance["25 m, 40 deg"].positives[0].tolist() == [0]
    table(layout, columns, [*rows[:2], ("q.jpg", "query", 0.0, 0.0, 0, 0, 0, "0.0")])
    with pytest.raises(DatasetError, match=r"q.jpg: no quaternion"):
        read_set("csv", layout.folder)


def test_folders_with_poses(layout):
    columns = ("image", "x", "y", "z", "qx", "qy", "qz", "qw")
    table(layout, columns, [("1.jpg", 0, 0, 0, 0, 0, 0, 1), ("10.jpg", 9, 0, 0, 0, 0, 1, 0)],
          "database/poses.csv")  # fmt: skip
    table(layout, columns, [("a.jpg", 5, 0, 0, 0, 0, 0, 2)], "queries/poses.csv")
    for name in ("database/1.jpg", "database/2.jpg", "database/10.jpg", "queries/a.jpg"):
        layout.image(name)
    data = read_set("poses", layout.folder)
    assert list(data.database.names) == ["1.jpg", "10.jpg"], "an image without a pose"
    assert data.relevance["25 m, 40 deg"].positives[0].tolist() == [0]
    loose = read_set("poses", layout.folder, distance=4, angle=0)
    assert loose.relevance["4 m"].positives[0].tolist() == [1]
    with pytest.raises(DatasetError, match="no query has a database image within 1 m, 40 deg"):
        read_set("poses", layout.folder, distance=1)
    (layout.folder / "queries/poses.csv").unlink()
    with pytest.raises(DatasetError, match=r"queries: no image has a pose in poses.csv"):
        read_set("poses", layout.folder)


@pytest.mark.parametrize(
    ("columns", "rows", "options", "said"),
    [
        (("file", "split"), [("a.jpg", "database")], {}, "no column image; its columns are: file"),
        (("image", "split", "frame"), [("a.jpg", "database", 1)], {}, "rows of database and of q"),
        (("image", "split"), [("a.jpg", "database"), ("b.jpg", "query")], {},
         "no columns x and y, nor frame: there are image, split"),
        (("image", "split", "frame"), [("a.jpg", "database", 1), ("b.jpg", "query", "x")], {},
         "frame = 'x': not a number"),
        (("image", "split", "frame"), [("a.jpg", "database", 1), ("b.jpg", "query", 9)], {},
         "no query has a database image within 2 of frame"),
        (("image", "split", "frame"), [("a.jpg", "database", 1), ("b.jpg", "query", 1)],
         {"walk": "clip"}, "no column clip"),
        (("image", "split", "x", "y"), [("a.jpg", "database", 1, 1), ("b.jpg", "query", 1, 1)],
         {"angle": 40}, "no column heading"),
        (("image", "split", "frame"), [("a.jpg", "database", 1), ("b.jpg", "query")], {},
         "manifest.csv:3: a row that is too short"),
    ],
)  # fmt: skip
def test_wrong_tables(layout, columns, rows, options, said):
    table(layout, columns, rows)
    with pytest.raises(DatasetError, match=said):
        read_set("csv", layout.folder, **options)


def walk(layout, entries, count=30, folder="images/"):
    layout.images([f"{folder}{n}.jpg" for n in range(count)])
    layout.text("positives.json", json.dumps(entries))


def test_a_walk_that_comes_back(layout):
    walk(layout, {"25": [3, 4], "20": [0]})
    data = read_set("json", layout.folder)
    (relevance,) = data.relevance.values()
    assert list(data.queries.names) == ["20.jpg", "25.jpg"]
    assert [each.tolist() for each in relevance.positives] == [[0], [3, 4]]
    assert relevance.ignored[0].tolist() == list(range(10, 30))
    assert data.queries.read(1)[0, 0, 0] == 25
    rankings = [np.array([20, 19, 29, 0]), np.array([25, 1, 4])]
    assert first_hits(rankings, relevance).tolist() == [0, 1]


def test_two_walks(layout):
    layout.images([f"{side}/{n}.jpg" for side in ("database", "queries") for n in range(3)])
    layout.text("positives.json", '{"1": [2]}')
    (relevance,) = read_set("json", layout.folder).relevance.values()
    assert [each.tolist() for each in relevance.positives] == [[], [2], []]


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ([1], "must be an object"),
        ({"first": [1]}, "query 'first': must be a number"),
        ({"1": "2"}, "query 1: must be a list of numbers"),
        ({"1": []}, "no query has positives"),
        ({"40": [1]}, "query 40, but there are 30 images"),
        ({"20": [40]}, "query 20 has positive 40 of 30"),
        ({"20": [15]}, "positive 15, which is not more than 10 images before it"),
    ],
)
def test_wrong_positives(layout, entries, said):
    walk(layout, entries)
    with pytest.raises(DatasetError, match=said):
        read_set("json", layout.folder)


def test_what_is_no_json(layout):
    layout.image("images/0.jpg")
    layout.text("positives.json", "{")
    with pytest.raises(DatasetError, match=r"positives.json: not JSON"):
        read_set("json", layout.folder)
