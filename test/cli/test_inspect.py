# SPDX-License-Identifier: Apache-2.0
"""What ``inspect`` tells of a map, and of a network."""

import json
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from vpr_ros.calibration_curve import Calibration, CalibrationRecord, Tail
from vpr_ros.datatypes import Features, Keyframe, LocalFeatures
from vpr_ros.errors import UnavailableError
from vpr_ros.extractors.hand_made import hog_sift
from vpr_ros.place_map import PlaceMap

NETWORK = Path(__file__).parents[2] / "weights" / "r2former_tiny_192x256_fp16.onnx"
RECORD = CalibrationRecord(
    Calibration((Tail(20.0, 0.1, 2.0), Tail(7.0, 0.2, 1.0)), 0.25, of_map=True),
    keyframes=8,
    settings="x",
    made_ns=10**18,
    right=(50.0, 70.0),
    beyond=(6.0, 7.0, 9.0),
    elsewhere=(6.0, 7.0),
    look_alikes=3,
)


def keep(path, record):
    spec = hog_sift().spec
    with PlaceMap.open(path, spec, writable=True) as place_map:
        place_map.keep_calibration(record)


def test_table(vpr, drives, street_map, tmp_path):
    path = shutil.copy(street_map, tmp_path / "a.vprmap")
    assert vpr("map", drives / "bag", "-o", path, "--session", "monday").code == 0
    lines = vpr("inspect", path).out.splitlines()
    assert lines[0].startswith(f"map        {path} (")
    assert lines[2] == "codec      float16 of local features"
    assert lines[3] == "keyframes  16, 8 with pose"
    assert lines[-2].split() == ["session-1", "8", "0.000", "s", "1.400", "s", "1.4"]
    when = ["2023-11-14", "22:13:20.000", "2023-11-14", "22:13:27.000"]
    assert lines[-1].split() == ["monday", "8", *when, "7.0"]


def test_json(vpr, street_map):
    result = vpr("inspect", street_map, "--json")
    info = json.loads(result.out)
    assert info["path"] == str(street_map)
    assert info["method"] == "hog_sift"
    assert (info["keyframes"], info["keyframes_with_pose"]) == (8, 8)
    assert info["sessions"] == [
        {
            "name": "session-1",
            "keyframes": 8,
            "first_stamp_ns": 0,
            "last_stamp_ns": 1_400_000_000,
        }
    ]


def test_network(vpr):
    lines = vpr("inspect", NETWORK, "--device", "cpu").out.splitlines()
    assert lines[0].startswith("network      r2former_tiny (")
    assert lines[0].endswith("), fp16")
    assert lines[1].startswith(f"file         {NETWORK} (")
    assert lines[3] == "input        192 x 256 pixels (height x width)"
    assert lines[-1].startswith("runs on      ONNX Runtime ")
    assert " on the CPU, " in lines[-1]


def test_why_another_runtime_was_passed_over(vpr, monkeypatch):
    cuda_device = pytest.importorskip("vpr_ros.backends.cuda_device", reason="needs cuda-python")

    def find_gpu(index):
        raise UnavailableError("there is no GPU")

    monkeypatch.setattr(cuda_device, "find_gpu", find_gpu)
    result = vpr("inspect", NETWORK)
    assert result.err.endswith("is run by onnxruntime, not by tensorrt: there is no GPU\n")


def test_weights_as_json(vpr, generated_weights):
    words = ["--method", "r2former_tiny", "--device", "cpu", "--json"]
    result = vpr("inspect", generated_weights("r2former_tiny"), *words)
    known = json.loads(result.out)
    assert (known["method"], known["input_width"], known["device"]) == ("r2former_tiny", 256, "cpu")
    assert known["backend"].startswith("PyTorch ")
    assert len(known["weights_sha256"]) == 64


def test_a_runtime_that_cannot(vpr):
    result = vpr("inspect", NETWORK, "--runtime", "pytorch")
    assert result.code == 2
    assert f"'pytorch' does not run {NETWORK.name}" in result.err


def test_a_small_map_says_that_it_is_not_calibrated(vpr, street_map):
    lines = vpr("inspect", street_map).out.splitlines()
    assert lines[4].startswith("calibrated no, by default: too few keyframes to tell, at 8 keyfr")
    assert "precision 0.9: 27.32, 0.99: 35.32, 0.999: 43.02" in lines[5]
    assert lines[6].strip() == "0 right"


def test_the_calibration_of_a_map_is_told_with_its_quantiles(vpr, street_map, tmp_path):
    path = shutil.copy(street_map, tmp_path / "a.vprmap")
    keep(path, RECORD)
    lines = vpr("inspect", path).out.splitlines()
    assert lines[4] == "calibrated by itself, at 8 keyframes, 2001-09-09 01:46:40.000"
    assert "0.99: 27.36" in lines[5]
    assert lines[6].strip() == "2 right, 10 %: 52.00, 50 %: 60.00, 90 %: 68.00, 99 %: 69.80"
    assert lines[9].strip() == "3 keyframes left out: they look like another place"
    known = json.loads(vpr("inspect", path, "--json").out)["calibration"]
    assert known["needed_scores"]["0.99"] == RECORD.calibration.needed_score(0.99)
    assert known["wrong_beyond"] == {
        "count": 3, "quantiles": {"0.1": 6.2, "0.5": 7.0, "0.9": 8.6, "0.99": 8.96},
    }  # fmt: skip
    assert (known["of_map"], known["look_alikes"]) == (True, 3)


def test_a_map_without_calibration_says_so(vpr, street_map, tmp_path):
    path = shutil.copy(street_map, tmp_path / "a.vprmap")
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("DELETE FROM meta WHERE key = 'calibration'")
    assert vpr("inspect", path).out.splitlines()[4].startswith("calibrated no: a localizer will")
    assert json.loads(vpr("inspect", path, "--json").out)["calibration"] is None


def test_checking_names_everything_that_is_damaged(vpr, street_map, tmp_path):
    path = Path(shutil.copy(street_map, tmp_path / "a.vprmap"))
    assert vpr("inspect", path, "--check").code == 0
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("UPDATE local_features SET width = width + 1 WHERE keyframe_id < 3")
    result = vpr("inspect", path, "--check")
    assert (result.code, result.out) == (2, "")
    for number in (1, 2):
        assert f"local features of keyframe {number}: damaged" in result.err


def test_a_calibration_by_a_second_drive_is_told(vpr, street_map, tmp_path):
    path = shutil.copy(street_map, tmp_path / "a.vprmap")
    keep(path, replace(RECORD, again=(40.0,) * 20))
    lines = vpr("inspect", path).out.splitlines()
    assert lines[4].startswith("calibrated by a second drive, at 8 keyframes, ")
    assert "           20 right in another drive, 10 %: 40.00" in "\n".join(lines)
    known = json.loads(vpr("inspect", path, "--json").out)["calibration"]
    assert known["by_second_drive"]
    assert known["right_in_another_drive"]["count"] == 20
    keep(path, replace(RECORD, again=(40.0,) * 19))
    assert "calibrated by itself" in vpr("inspect", path).out


def test_drives_are_told_how_far_they_look_from_one_another(vpr, tmp_path):
    path = tmp_path / "two.vprmap"
    with PlaceMap.create(path, hog_sift().spec) as place_map:
        for number, name in enumerate(("day", "night")):
            place_map.begin_session(name)
            for keyframe in varied_keyframes(number):
                place_map.append(keyframe)
        place_map.commit()
    head, day, night = vpr("inspect", path).out.splitlines()[-3:]
    assert head.endswith("spreads from the nearest other")
    assert float(day.split()[-1]) == float(night.split()[-1]) > 1.0
    sessions = json.loads(vpr("inspect", path, "--json").out)["sessions"]
    assert [each["spreads_from_nearest"] > 1.0 for each in sessions] == [True, True]


def varied_keyframes(light):
    """Thirty views with much in common, other things for each light."""
    spec, random = hog_sift().spec, np.random.default_rng(light)
    for number in range(30):
        view = random.normal(size=spec.global_dim) / spec.global_dim**0.5
        view[light] += 3.0
        view /= np.linalg.norm(view)
        local = LocalFeatures(
            np.zeros((1, 2), np.float32),
            np.ones(1, np.float32),
            np.zeros((1, spec.local_dim), np.float32),
            (320, 240),
        )
        yield Keyframe(number * 10**9, Features(view.astype(np.float32), local))
