# SPDX-License-Identifier: Apache-2.0
"""Pittsburgh and Tokyo 24/7: real .mat files, both layouts of folders, and damaged ones."""

import numpy as np
import pytest
from retrieval_samples import recall_at

from vpr_ros.errors import DatasetError
from vpr_ros.evaluation.protocols import read_set

DATABASE = [f"000/00000{n}_pitch1_yaw1.jpg" for n in range(3)]
QUERIES = ["000/000009_pitch1_yaw1.jpg", "000/000009_pitch1_yaw2.jpg", "001/000010_pitch1_yaw1.jpg"]
UTM_DB = [(584000.0, 4476000.0), (584025.0, 4476000.0), (584100.0, 4476000.0)]
UTM_Q = [(584000.0, 4476000.0), (584000.0, 4476000.0), (590000.0, 4476000.0)]


def write_pitts(layout, size="30k", split="test", folder="datasets/", **changes):
    name = f"{folder}pitts{size}_{split}.mat"
    layout.mat(name, DATABASE, UTM_DB, QUERIES, UTM_Q, **changes)
    layout.images(DATABASE)
    layout.images([f"queries_real/{name}" for name in QUERIES])


@pytest.mark.parametrize(("size", "split"), [("30k", "test"), ("250k", "val")])
def test_pittsburgh(layout, size, split):
    write_pitts(layout, size, split)
    data = read_set(f"pitts{size}", layout.folder, split=split)
    assert data.name == f"pitts{size}_{split}"
    (relevance,) = data.relevance.values()
    assert [each.tolist() for each in relevance.positives] == [[0, 1], [0, 1], []]
    assert relevance.counts_unmatched, "a query without positives counts as missed"
    assert recall_at(np.array([[0], [2], [0]]), relevance, (1,)) == {1: 1 / 3}
    assert data.sequence_of.tolist() == [0, 0, 1], "views of one panorama go together"
    assert data.database.names == DATABASE
    assert data.queries.read(1).shape == (6, 8, 3)


def test_netvlad_layout_and_older_field_names(layout):
    cells = np.empty((3, 1), object)
    cells[:, 0] = DATABASE
    layout.mat(
        "pitts30k_test.mat", DATABASE, UTM_DB, QUERIES, UTM_Q, dbImageFns=None, dbImage=cells
    )
    layout.images([f"images/{name}" for name in DATABASE])
    layout.images([f"queries/{name}" for name in QUERIES])
    assert len(read_set("pitts30k", layout.folder).database.names) == 3


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"utmQ": None}, "no field utmQ; its fields are: whichSet, dbImageFns"),
        ({"utmDb": np.zeros((3, 2))}, "utmDb is 3 x 2, must be 2 x 3 numbers"),
        ({"utmQ": np.full((2, 3), np.nan)}, "utmQ has positions that are not finite"),
        ({"posDistThr": -1.0}, "posDistThr must be one positive number"),
        ({"qImageFns": np.zeros((3, 1))}, "qImageFns does not hold file names"),
        (
            {"utmQ": np.zeros((2, 3))},
            "pitts30k_test.mat: no query has a database image within 25 m",
        ),
    ],
)
def test_wrong_fields(layout, changes, said):
    write_pitts(layout, **changes)
    with pytest.raises(DatasetError, match=said):
        read_set("pitts30k", layout.folder)


def test_what_is_no_mat_file(layout):
    pytest.importorskip("scipy")
    for content in (b"", b"not a mat file", b"MATLAB 5.0 MAT-file" + bytes(200)):
        (layout.folder / "pitts30k_test.mat").write_bytes(content)
        with pytest.raises(DatasetError, match=r"pitts30k_test.mat: "):
            read_set("pitts30k", layout.folder)


def test_missing_images(layout):
    write_pitts(layout)
    (layout.folder / DATABASE[2]).unlink()
    with pytest.raises(DatasetError, match=r"000002_pitch1_yaw1.jpg: missing, and 0 more of 3"):
        read_set("pitts30k", layout.folder)
    (layout.folder / DATABASE[0]).unlink()
    with pytest.raises(DatasetError, match=r"000000_pitch1_yaw1.jpg: missing below .*unpack"):
        read_set("pitts30k", layout.folder)


def write_tokyo(layout, panoramas=2, suffix=".png"):
    database = [f"0381{n // 12}/view_{n:03}.jpg" for n in range(12 * panoramas)]
    utm = [(100.0 * (n // 12), 0.0) for n in range(12 * panoramas)]
    layout.mat("datasets/tokyo247.mat", database, utm, ["00001.jpg"], [(95.0, 0.0)])
    layout.images([f"images/{name.replace('.jpg', suffix)}" for name in database])
    layout.image("query/00001.jpg")


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_tokyo_counts_the_best_view_of_each_panorama(layout, suffix):
    write_tokyo(layout, suffix=suffix)
    data = read_set("tokyo247", layout.folder)
    (relevance,) = data.relevance.values()
    assert relevance.positives[0].tolist() == list(range(12, 24))
    rankings = np.array([[3, 4, 5, 13]])
    assert recall_at(rankings, relevance, (1, 2), data.panorama_of) == {1: 0.0, 2: 1.0}
    assert data.database.names[0].endswith(suffix)
    assert read_set("tokyo247", layout.folder, panoramas=False).panorama_of is None


def test_tokyo_with_other_views(layout):
    database = ["03814/a.png"]
    layout.mat("tokyo247.mat", database, [(0.0, 0.0)], ["00001.jpg"], [(0.0, 0.0)])
    layout.images(["03814/a.png", "247query_subset_v2/00001.jpg"])
    with pytest.raises(DatasetError, match="1 database images are not 12 for each panorama"):
        read_set("tokyo247", layout.folder)
    assert len(read_set("tokyo247", layout.folder, panoramas=False).queries.names) == 1
