# SPDX-License-Identifier: Apache-2.0
"""Features on disk: described once, continued after a kill, mended where damaged."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from retrieval_samples import DIM, NumberedImages, NumberExtractor

from vpr_ros.errors import DatasetError
from vpr_ros.evaluation.features.feature_files import RECORD_BYTES
from vpr_ros.evaluation.features.feature_store import FeatureStore, default_cache, folder_of

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
    folders = {folder_of(tmp_path, *each) for each in [(source, extractor, "float16"), *others]}
    assert len(folders) == 1 + len(others)


def test_images_that_are_no_files_are_told_apart_by_what_they_show(tmp_path):
    one, other = NumberedImages(COUNT), NumberedImages(COUNT, seed=1)
    other.names = one.names
    folders = [folder_of(tmp_path, each, NumberExtractor(), "float16") for each in (one, other)]
    assert folders[0] != folders[1]


def test_changed_files_are_described_anew(tmp_path):
    class Files(NumberedImages):
        def path(self, index):
            return tmp_path / f"{index}.png"

    source = Files(3)
    for index in range(3):
        source.path(index).write_bytes(b"x")
    before = folder_of(tmp_path, source, NumberExtractor(), "float16")
    os.utime(source.path(1), ns=(1, 1))
    assert folder_of(tmp_path, source, NumberExtractor(), "float16") != before


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
        assert not store.descriptors[3].any()


def test_an_empty_list_is_refused(tmp_path):
    with pytest.raises(DatasetError, match="no images"):
        FeatureStore(tmp_path, NumberedImages(0), NumberExtractor())


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DatasetError, match="--cache"):
        FeatureStore(tmp_path / "file", NumberedImages(2), NumberExtractor())


@pytest.mark.parametrize("name", ["globals.f32", "index.bin"])
@pytest.mark.parametrize("damage", ["cut", "flip"])
def test_what_is_damaged_is_made_again(tmp_path, caplog, name, damage):
    source = NumberedImages(COUNT)
    filled(tmp_path, source)
    path = folder_of(tmp_path, source, NumberExtractor(), "float16") / name
    raw = bytearray(path.read_bytes())
    row = {"globals.f32": 4 * DIM, "index.bin": RECORD_BYTES}[name]
    if damage == "cut":
        path.write_bytes(raw[: 20 * row + 5])
    else:
        raw[20 * row + 5] ^= 0xFF
        path.write_bytes(raw)
    assert filled(tmp_path, source) == ([], 10)
    if (name, damage) != ("index.bin", "cut"):  # what is cut off there was never promised
        assert "10 damaged features are made again" in caplog.text
    assert_right(tmp_path, source)


def test_damaged_local_features_are_made_again(tmp_path, caplog):
    source = NumberedImages(COUNT)
    filled(tmp_path, source)
    path = folder_of(tmp_path, source, NumberExtractor(), "float16") / "locals.bin"
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 0xFF
    path.write_bytes(raw)
    assert_right(tmp_path, source)
    assert caplog.text.count("made again") == 1
    caplog.clear()
    assert_right(tmp_path, source)
    assert "made again" not in caplog.text


def test_cut_local_features_are_made_again(tmp_path):
    source = NumberedImages(COUNT)
    filled(tmp_path, source)
    path = folder_of(tmp_path, source, NumberExtractor(), "float16") / "locals.bin"
    os.truncate(path, path.stat().st_size // 2)
    assert 0 < filled(tmp_path, source)[1] < COUNT
    assert_right(tmp_path, source)


def test_a_damaged_description_starts_anew(tmp_path, caplog):
    source = NumberedImages(COUNT)
    filled(tmp_path, source)
    (folder_of(tmp_path, source, NumberExtractor(), "float16") / "about.json").write_text("{")
    assert filled(tmp_path, source) == ([], COUNT)
    assert "all features are made again" in caplog.text
    assert_right(tmp_path, source)


PROGRAM = """
import sys, time
from pathlib import Path
sys.path.insert(0, {here!r})
from retrieval_samples import NumberedImages, NumberExtractor
from vpr_ros.evaluation.features.feature_store import FeatureStore

with FeatureStore(Path({cache!r}), NumberedImages(2000), NumberExtractor()) as store:
    store.fill(lambda: time.sleep(0.001))
"""


def test_a_kill_costs_at_most_the_image_at_hand(tmp_path):
    """Three kills at different moments; nothing that was done is ever done again."""
    source = NumberedImages(2000)
    program = PROGRAM.format(here=str(Path(__file__).parents[1]), cache=str(tmp_path))
    index = folder_of(tmp_path, source, NumberExtractor(), "float16") / "index.bin"
    done = 0
    for _ in range(3):
        process = subprocess.Popen([sys.executable, "-c", program])
        deadline = time.monotonic() + 30
        while not index.exists() or index.stat().st_size < (done + 40) * RECORD_BYTES:
            assert time.monotonic() < deadline
            time.sleep(0.002)
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
        np.testing.assert_array_equal(one.rows(0, 3), one.descriptors[:3])


def test_another_process_is_waited_for(tmp_path):
    """Two programs with one cache: the second takes what the first made."""
    program = PROGRAM.format(here=str(Path(__file__).parents[1]), cache=str(tmp_path))
    processes = [subprocess.Popen([sys.executable, "-c", program]) for _ in range(2)]
    assert [each.wait(timeout=60) for each in processes] == [0, 0]
    assert filled(tmp_path, NumberedImages(2000)) == ([], 0)
