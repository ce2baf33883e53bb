# SPDX-License-Identifier: Apache-2.0
"""Features on disk: described once, continued after a kill, mended where damaged."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from retrieval_samples import NumberedImages, NumberExtractor

from vpr_ros.errors import DatasetError, ImageError
from vpr_ros.evaluation.features.feature_store import FeatureStore, default_cache, path_of

COUNT = 30


def nothing():
    """A step that nobody counts."""


def filled(cache, source, extractor=None, **kwargs):
    """What was told of while filling, and how often the extractor ran."""
    extractor, told = extractor or NumberExtractor(), []
    with FeatureStore(cache, source, extractor, **kwargs) as store:
        store.fill(nothing, told.append)
    return told, extractor.count


def assert_right(cache, source, codec="float16"):
    with FeatureStore(cache, source, NumberExtractor(), codec) as store:
        assert store.resumed == len(source.names)
        rows = store.rows(0, len(store))
        for index in range(len(store)):
            expected = NumberExtractor().extract(source.read(index))
            features = store.features(index)
            np.testing.assert_array_equal(rows[index], expected.global_descriptor)
            np.testing.assert_array_equal(features.global_descriptor, expected.global_descriptor)
            np.testing.assert_array_equal(features.local.keypoints, expected.local.keypoints)
            np.testing.assert_array_equal(
                features.local.descriptors, expected.local.descriptors.astype(codec)
            )


@pytest.mark.parametrize("codec", ["float16", "float32"])
def test_features_come_back(tmp_path, codec):
    source = NumberedImages(COUNT)
    assert filled(tmp_path, source, codec=codec) == ([], COUNT)
    assert filled(tmp_path, source, codec=codec) == ([], 0)
    assert_right(tmp_path, source, codec)


def test_anything_else_is_described_anew(tmp_path):
    source, extractor = NumberedImages(COUNT), NumberExtractor()
    others = [
        (NumberedImages(COUNT, seed=1), extractor, "float16"),
        (NumberedImages(COUNT - 1), extractor, "float16"),
        (source, NumberExtractor("2"), "float16"),
        (source, extractor, "float32"),
    ]
    paths = {path_of(tmp_path, *each) for each in [(source, extractor, "float16"), *others]}
    assert len(paths) == 1 + len(others)


def test_images_that_are_no_files_are_told_apart_by_what_they_show(tmp_path):
    one, other = NumberedImages(COUNT), NumberedImages(COUNT, seed=1)
    other.names = one.names
    paths = [path_of(tmp_path, each, NumberExtractor(), "float16") for each in (one, other)]
    assert paths[0] != paths[1]


def test_changed_files_are_described_anew(tmp_path):
    class Files(NumberedImages):
        def path(self, index):
            return tmp_path / f"{index}.png"

    source = Files(3)
    for index in range(3):
        source.path(index).write_bytes(b"x")
    before = path_of(tmp_path, source, NumberExtractor(), "float16")
    os.utime(source.path(1), ns=(1, 1))
    assert path_of(tmp_path, source, NumberExtractor(), "float16") != before


def test_broken_images_are_told_of_and_remembered(tmp_path):
    source = NumberedImages(COUNT, broken=(3, 7))
    told, count = filled(tmp_path, source)
    assert [str(each) for each in told] == ["0/00003.png: no image", "0/00007.png: no image"]
    assert count == COUNT - 2
    told, count = filled(tmp_path, source)
    assert len(told) == 2
    assert count == 0
    with FeatureStore(tmp_path, source, NumberExtractor()) as store:
        assert np.flatnonzero(~store.usable).tolist() == [3, 7]
        assert not store.rows(3, 4).any()


def test_an_empty_list_is_refused(tmp_path):
    with pytest.raises(DatasetError, match="no images"):
        FeatureStore(tmp_path, NumberedImages(0), NumberExtractor())


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DatasetError, match="--cache"):
        FeatureStore(tmp_path / "file", NumberedImages(2), NumberExtractor())


def path_to(cache, source):
    return path_of(cache, source, NumberExtractor(), "float16")


@pytest.mark.parametrize("column", ["descriptor", "local"])
@pytest.mark.parametrize("damage", ["cut", "flip"])
def test_what_is_damaged_is_made_again(tmp_path, caplog, column, damage):
    source = NumberedImages(COUNT)
    filled(tmp_path, source)
    with closing(sqlite3.connect(path_to(tmp_path, source))) as database:
        ((blob,),) = database.execute(f"SELECT {column} FROM images WHERE number = 20")
        blob = blob[:-1] if damage == "cut" else blob[:-1] + bytes([blob[-1] ^ 0xFF])
        database.execute(f"UPDATE images SET {column} = ? WHERE number = 20", (blob,))
        database.commit()
    assert_right(tmp_path, source)
    assert caplog.text.count("0/00020.png") == caplog.text.count("made again") == 1
    caplog.clear()
    assert_right(tmp_path, source)
    assert "made again" not in caplog.text


def test_what_is_damaged_and_cannot_be_made_again_is_told_of(tmp_path):
    source = NumberedImages(COUNT)
    filled(tmp_path, source)
    with closing(sqlite3.connect(path_to(tmp_path, source))) as database:
        database.execute("UPDATE images SET local = ? WHERE number = 21", (b"",))
        database.commit()
    source.broken.add(21)
    with (
        FeatureStore(tmp_path, source, NumberExtractor()) as store,
        pytest.raises(ImageError, match=r"0/00021\.png"),
    ):
        store.features(21)


def test_a_damaged_file_is_named(tmp_path):
    source = NumberedImages(COUNT)
    filled(tmp_path, source)
    path_to(tmp_path, source).write_bytes(b"no database " * 100)
    with pytest.raises(DatasetError, match=r"not a database: .* delete the file"):
        FeatureStore(tmp_path, source, NumberExtractor())


PROGRAM = """
import sys, time
from pathlib import Path
sys.path.insert(0, {here!r})
from retrieval_samples import NumberedImages, NumberExtractor
from vpr_ros.evaluation.features.feature_store import FeatureStore

with FeatureStore(Path({cache!r}), NumberedImages(2000), NumberExtractor()) as store:
    store.fill(lambda: time.sleep(0.001))
"""


def count_of(path):
    """How many images are done; 0 as long as there is no table."""
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as database:
            return database.execute("SELECT count(*) FROM images").fetchone()[0]
    except sqlite3.OperationalError:
        return 0


def test_a_kill_costs_at_most_the_image_at_hand(tmp_path):
    """Three kills at different moments; nothing that was done is ever done again."""
    source = NumberedImages(2000)
    program = PROGRAM.format(here=str(Path(__file__).parents[1]), cache=str(tmp_path))
    done = 0
    for _ in range(3):
        process = subprocess.Popen([sys.executable, "-c", program])
        deadline = time.monotonic() + 30
        while count_of(path_to(tmp_path, source)) < done + 40:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
        with FeatureStore(tmp_path, source, NumberExtractor()) as store:
            assert store.resumed >= done + 40
            done = store.resumed
    assert filled(tmp_path, source) == ([], 2000 - done)
    assert_right(tmp_path, source)


def test_the_cache_is_where_xdg_says(monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert default_cache() == Path("/somewhere/vpr_ros/features")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert default_cache() == Path.home() / ".cache/vpr_ros/features"


def test_a_full_store_may_be_opened_twice(tmp_path):
    source = NumberedImages(COUNT)
    with FeatureStore(tmp_path, source, NumberExtractor()) as one:
        one.fill(nothing)
        assert_right(tmp_path, source)


def test_another_process_is_waited_for(tmp_path):
    """Two programs with one cache: the second takes what the first made."""
    program = PROGRAM.format(here=str(Path(__file__).parents[1]), cache=str(tmp_path))
    processes = [subprocess.Popen([sys.executable, "-c", program]) for _ in range(2)]
    assert [each.wait(timeout=60) for each in processes] == [0, 0]
    assert filled(tmp_path, NumberedImages(2000)) == ([], 0)
