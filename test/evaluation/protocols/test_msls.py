# SPDX-License-Identifier: Apache-2.0
"""MSLS: panoramas, subtasks, cities of different zones, both rules, the challenge's file."""

import zipfile

import numpy as np
import pytest

from vpr_ros.errors import DatasetError
from vpr_ros.evaluation.protocols import read_set
from vpr_ros.evaluation.protocols.submissions import write_predictions

INFO = ("", "key", "sequence_key", "frame_number")
PLACES = ("", "key", "easting", "northing", "unique_cluster", "night", "control_panel",
          "view_direction")  # fmt: skip
RAW = ("", "key", "lon", "lat", "ca", "captured_at", "pano")
SUBTASKS = ("", "all", "s2w", "w2s", "o2n", "n2o", "d2n", "n2d")


def write_side(layout, city, side, images, split="train_val"):
    """Images are (key, east, compass, is panorama, is night, counts)."""
    base = f"{split}/{city}/{side}"
    layout.images([f"{base}/images/{image[0]}.jpg" for image in images])
    layout.table(
        f"{base}/seq_info.csv",
        INFO,
        [(n, image[0], f"walk{n // 2}", n) for n, image in enumerate(images)],
    )
    flags = [(n, *(str(image[5]) for _ in range(7))) for n, image in enumerate(images)]
    layout.table(f"{base}/subtask_index.csv", SUBTASKS, flags)
    if split == "test":
        return
    rows = [
        (n, image[0], image[1], 0.0, "c", str(image[4]), "False", "Forward")
        for n, image in enumerate(images)
    ]
    layout.table(f"{base}/postprocessed.csv", PLACES, rows)
    rows = [(n, image[0], 0, 0, image[2], "2020", str(image[3])) for n, image in enumerate(images)]
    layout.table(f"{base}/raw.csv", RAW, rows)


@pytest.fixture
def val(layout):
    write_side(
        layout,
        "cph",
        "database",
        [
            ("d0", 0.0, 0.0, False, False, True),
            ("d1", 10.0, 90.0, False, False, True),
            ("pano", 5.0, 0.0, True, False, True),
            ("other", 5.0, 0.0, False, False, False),
        ],
    )
    write_side(
        layout,
        "cph",
        "query",
        [
            ("q0", 20.0, 10.0, False, False, True),
            ("far", 900.0, 0.0, False, False, True),
            ("q1", 10.0, 359.0, False, True, True),
            ("qpano", 10.0, 0.0, True, False, True),
        ],
    )
    write_side(layout, "sf", "database", [("s0", 1.0, 0.0, False, False, True)])
    write_side(layout, "sf", "query", [("s1", 0.0, 180.0, False, False, True)])
    return layout


def test_validation_by_the_rules_of_the_code(val):
    data = read_set("msls", val.folder)
    keys = [name.split("/")[-1] for name in data.database.names]
    assert keys == ["d0.jpg", "d1.jpg", "s0.jpg"]
    assert [name.split("/")[-1] for name in data.queries.names] == ["q0.jpg", "q1.jpg", "s1.jpg"]
    near, looking = data.relevance.values()
    assert [each.tolist() for each in near.positives] == [[0, 1], [0, 1], [2]]
    assert [each.tolist() for each in looking.positives] == [[0], [0], []]
    assert list(data.relevance) == ["25 m", "25 m, 40 deg"]
    assert data.conditions["night"].tolist() == [1]
    assert data.conditions["sf"].tolist() == [2]
    assert len(set(data.sequence_of.tolist())) == 2
    assert data.query_poses[0].position == (20.0, 0.0, 0.0)
    assert data.database.read(1)[0, 0].tolist() == [1, 1, 1]


def test_an_unknown_compass_angle_is_right_by_distance_alone(val):
    path = val.folder / "train_val/cph/query/raw.csv"
    path.write_text(path.read_text().replace(",10.0,", ",,"))
    near, looking = read_set("msls", val.folder, cities="cph").relevance.values()
    assert [each.tolist() for each in near.positives] == [[0, 1], [0, 1]]
    assert [each.tolist() for each in looking.positives] == [[], [0]]


def test_one_city_and_another_distance(val):
    data = read_set("msls", val.folder, cities="cph", distance="12")
    assert [each.tolist() for each in data.relevance["12 m"].positives] == [[1], [0, 1]]


def test_cities_to_train_with(layout):
    write_side(layout, "manila", "database", [("d0", 0.0, 0.0, False, False, True)])
    write_side(layout, "manila", "query", [("q0", 1.0, 0.0, False, False, True)])
    data = read_set("msls", layout.folder, split="train", cities="manila")
    assert "train" in data.name
    assert data.database_poses is not None
    with pytest.raises(DatasetError, match="trondheim"):
        read_set("msls", layout.folder, split="train")


def test_the_challenge_has_no_truth_and_gets_its_file(layout, tmp_path):
    for city in ("miami", "athens"):
        for side in ("database", "query"):
            write_side(layout, city, side, [(f"{city}-{side}-{n}", *[0] * 4, True) for n in (1, 2)],
                       "test")  # fmt: skip
    data = read_set("msls", layout.folder, split="test", cities="miami,athens")
    assert data.relevance == {}
    assert data.query_poses == ()
    write_predictions(tmp_path / "out.zip", data, np.array([[0, 1, 2, 3]] * 4))
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        assert archive.namelist() == ["out.csv"]
        lines = archive.read("out.csv").decode().splitlines()
    assert lines[0].startswith("#")
    assert lines[1] == (
        "miami-query-1 miami-database-1 miami-database-2 athens-database-1 athens-database-2"
    )
    assert len(lines) == 5
    with pytest.raises(DatasetError, match="miami-query-1: 2 answers, the file needs 4"):
        write_predictions(tmp_path / "out.csv", data, np.array([[0, 1]] * 4))
    with pytest.raises(DatasetError, match="1 rankings for 4 queries"):
        write_predictions(tmp_path / "out.csv", data, np.array([[0, 1]]))


def test_missing_images_are_counted(val):
    (val.folder / "train_val/cph/database/images/d1.jpg").unlink()
    with pytest.raises(DatasetError, match=r"images/d1.jpg: missing, and 0 more of 3 images"):
        read_set("msls", val.folder)


def test_no_positives(val):
    with pytest.raises(DatasetError, match=r"no query has a database image within 0.5 m"):
        read_set("msls", val.folder, cities="sf", distance=0.5)


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("raw.csv", ",pano", ",panorama", "raw.csv: no column pano; its columns are: key, lon"),
        ("postprocessed.csv", "10.0", "ten", "easting = 'ten': not a number"),
        ("subtask_index.csv", "True", "yes", "all = 'yes': not True or False"),
        ("raw.csv", "\n3,", "\n#", "raw.csv:5: a row that is too short"),
    ],
)
def test_damaged_tables(val, file, old, new, said):
    path = val.folder / "train_val/cph/query" / file
    text = path.read_text()
    assert old in text.replace("\r\n", "\n")
    text = text.replace("\r\n", "\n").replace(old, new)
    path.write_text(text if new != "\n#" else text.split("\n#")[0] + "\n9,short\n")
    with pytest.raises(DatasetError, match=said):
        read_set("msls", val.folder)


def test_tables_of_unequal_length(val):
    path = val.folder / "train_val/sf/query/raw.csv"
    path.write_text(path.read_text() + "1,again,0,0,0,2020,False\n")
    with pytest.raises(DatasetError, match=r"raw.csv: 2 rows, but seq_info.csv has 1"):
        read_set("msls", val.folder)


def test_bad_choices(val):
    with pytest.raises(DatasetError, match="split = 'holiday'"):
        read_set("msls", val.folder, split="holiday")
    with pytest.raises(DatasetError, match="subtask = 'dusk'"):
        read_set("msls", val.folder, subtask="dusk")
