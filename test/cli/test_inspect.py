# SPDX-License-Identifier: Apache-2.0
"""What ``inspect`` tells of a map, and of a network."""

import json
import shutil

from vpr_ros.backends import choice


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


def test_network(vpr, exported):
    path = exported("r2former")
    lines = vpr("inspect", path).out.splitlines()
    assert lines[0].startswith("network      r2former (")
    assert lines[0].endswith("), fp32")
    assert lines[1].startswith(f"file         {path} (")
    assert lines[3] == "input        160 x 224 pixels (height x width)"
    assert lines[-1].startswith("runs on      ONNX Runtime ")
    assert lines[-1].endswith(" on the CPU, fp32")


def test_why_another_runtime_was_passed_over(vpr, exported, monkeypatch):
    monkeypatch.setattr(choice, "_obstacle_to_tensorrt", lambda device: "there is no GPU")
    result = vpr("inspect", exported("r2former"))
    assert result.err.endswith("is run by onnxruntime, not by tensorrt: there is no GPU\n")


def test_weights_as_json(vpr, generated_weights):
    result = vpr("inspect", generated_weights("transvpr"), "--device", "cpu", "--json")
    known = json.loads(result.out)
    assert (known["method"], known["input_width"], known["device"]) == ("transvpr", 640, "cpu")
    assert known["backend"].startswith("PyTorch ")
    assert len(known["weights_sha256"]) == 64


def test_a_runtime_that_cannot(vpr, exported):
    result = vpr("inspect", exported("r2former"), "--runtime", "pytorch")
    assert result.code == 2
    assert "'pytorch' does not run r2former_160x224_fp32.onnx" in result.err
