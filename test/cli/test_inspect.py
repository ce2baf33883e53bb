# SPDX-License-Identifier: Apache-2.0
"""What ``inspect`` tells of a map."""

import json
import shutil


def test_table(vpr, drives, street_map, tmp_path):
    path = shutil.copy(street_map, tmp_path / "a.vprmap")
    assert vpr("map", drives / "bag", "-o", path, "--session", "monday").code == 0
    lines = vpr("inspect", path).out.splitlines()
    assert lines[0].startswith(f"map        {path} (")
    assert lines[2] == "keyframes  16, 8 with pose"
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
