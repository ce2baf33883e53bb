# SPDX-License-Identifier: Apache-2.0
"""Folders of photos: what is held out, which frames are neighbors, and what is refused."""

import numpy as np
import pytest

from vpr_ros.errors import DatasetError, ImageError
from vpr_ros.training.photos import read_photos


def refused(*arguments):
    with pytest.raises(DatasetError) as info:
        read_photos(*arguments)
    assert "\n" not in str(info.value)
    return str(info.value)


def test_photos_below_a_folder(folder):
    train, held = read_photos(folder, {}, ["*_000.png", "*_004.png"], 48)
    assert held.names == ["walk_000.png", "walk_004.png"]
    assert train.names == ["walk_001.png", "walk_002.png", "walk_003.png", "walk_005.png"]
    assert train.read(0).shape == (36, 48, 3)
    assert train.read(0) is train.read(0)
    assert train.near(0, 5.0) == []


def test_frames_of_drives(folder):
    train, _ = read_photos(folder, {"walk*": 2.0}, ["*_002.png"], 320)
    assert [moment.number for moment in train.moments] == [0.0, 0.5, 1.5, 2.0, 2.5]
    assert train.near(0, 1.5) == [1, 2]
    assert len(set(train.drives.tolist())) == 1
    related = train.related([0, 2, 4], 1.5)
    expected = [[True, True, False], [True, True, True], [False, True, True]]
    np.testing.assert_array_equal(related, expected)


def test_photos_that_belong_to_no_drive_are_not_related(folder):
    train, _ = read_photos(folder, {}, [], 320)
    assert not train.related([0, 1, 1], 9.0).any()
    assert sorted(train.drives.tolist()) == list(range(len(train)))


def test_a_manifest_says_which(folder, tmp_path):
    for name in ("walk_001.png", "walk_003.png"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    (tmp_path / "manifest.csv").write_text("image,group\nwalk_003.png,a\n")
    assert read_photos(tmp_path, {}, [], 320)[0].names == ["walk_003.png"]
    (tmp_path / "manifest.csv").write_text("image\nwalk_003.png\nnone.png\n")
    assert "none.png: missing" in refused(tmp_path, {}, [], 320)
    (tmp_path / "manifest.csv").write_text("photo\nwalk_003.png\n")
    assert "no column image" in refused(tmp_path, {}, [], 320)
    (tmp_path / "manifest.csv").write_text("image\n")
    assert "lists no photos" in refused(tmp_path, {}, [], 320)


def test_refusals(folder, tmp_path):
    assert "no such folder" in refused(tmp_path / "none", {}, [], 320)
    assert "no photo is called 'office*'" in refused(folder, {"office*": 1.0}, [], 320)
    assert "no photo is called 'x*'" in refused(folder, {}, ["x*"], 320)
    assert "all 6 photos are held out" in refused(folder, {}, ["*"], 320)


def test_a_damaged_photo_is_named(folder, tmp_path):
    (tmp_path / "a.png").write_bytes((folder / "walk_000.png").read_bytes()[:-20])
    train, _ = read_photos(tmp_path, {}, [], 320)
    with pytest.raises(ImageError, match=r"a\.png: PNG of .* truncated"):
        train.read(0)
