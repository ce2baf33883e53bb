# SPDX-License-Identifier: Apache-2.0
"""Maps are built, continued and searched from the command line."""

import json
import shutil

import pytest

from vpr_ros.place_map import PlaceMap
from vpr_ros.route.session import Session

KEYS = ["stamp_ns", "image", "verdict", "reason", "cause", "probability", "candidates"]
KEYS += ["believed", "pose", "covariance", "pose_inliers", "pose_reason", "timings_ms"]
CANDIDATE_KEYS = [
    "keyframe_id",
    "map",
    "map_id",
    "stamp_ns",
    "similarity",
    "rerank_score",
    "inliers",
    "position",
]


def lines_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_map_keeps_images_and_poses(street_map):
    with PlaceMap.open(street_map) as place_map:
        records = place_map.table.records()
    assert [record.pose.position[0] for record in records] == [2.0 * i for i in range(8)]
    assert [record.stamp_ns for record in records] == [200_000_000 * i for i in range(8)]


def test_map_says_what_it_did(vpr, drives, tmp_path):
    result = vpr("map", drives / "bag", "-o", tmp_path / "a.vprmap", "--session", "monday")
    assert result.code == 0
    assert "monday: 8 keyframes of 8 frames; /camera, without poses; the map holds 8" in result.out
    assert result.err == "", "no progress bar where there is no terminal"
    result = vpr("map", drives / "map", "-o", tmp_path / "a.vprmap", "--session", "monday")
    assert "monday-2: 8 keyframes" in result.out
    assert "poses from poses.csv for 8 of 8; the map holds 16" in result.out


def test_settings_reach_the_pipeline(vpr, drives, tmp_path):
    far = ("--set", "keyframes.distance=5", "--set", "codec=float32")
    assert vpr("map", drives / "map", "-o", tmp_path / "a.vprmap", *far).code == 0
    with PlaceMap.open(tmp_path / "a.vprmap") as place_map:
        assert (len(place_map), place_map.info().codec) == (3, "float32")


def test_known_places_are_accepted(vpr, drives, street_map, tmp_path):
    output = tmp_path / "answers.jsonl"
    result = vpr("localize", drives / "query", "--map", street_map, "--json", output)
    answers = lines_of(output)
    assert result.code == 0
    assert [answer["verdict"] for answer in answers] == ["ACCEPTED"] * 8
    assert [answer["candidates"][0]["keyframe_id"] for answer in answers] == list(range(1, 9))
    assert [answer["image"] for answer in answers] == [f"{index}.png" for index in range(8)]
    assert result.out.startswith("8 frames: 8 accepted, 0 ambiguous, 0 unknown\n")
    assert "extract" in result.out


def test_unknown_places_are_unknown(vpr, drives, street_map, tmp_path):
    output = tmp_path / "answers.jsonl"
    vpr("localize", drives / "elsewhere", "--map", street_map, "--json", output)
    answers = lines_of(output)
    assert {answer["verdict"] for answer in answers} == {"UNKNOWN"}
    assert "36 needed for precision 0.99" in answers[0]["reason"]


def test_form_of_the_json(vpr, drives, street_map):
    result = vpr("localize", drives / "query" / "3.png", "--map", street_map, "--json", "-")
    (answer,) = [json.loads(line) for line in result.out.splitlines()]
    assert list(answer) == KEYS
    assert all(list(candidate) == CANDIDATE_KEYS for candidate in answer["candidates"])
    best = answer["candidates"][0]
    assert best["position"] == [6.0, 0.0, 0.0]
    assert best["stamp_ns"] == 600_000_000
    assert best["rerank_score"] == best["inliers"] > 27
    assert (answer["pose"], answer["pose_inliers"]) == (None, None)
    assert answer["pose_reason"].startswith("no pose: ")
    assert set(answer["timings_ms"]) == {"extract", "retrieve", "load", "rerank", "decide"}
    assert result.err.startswith("vpr: 1 frames: 1 accepted")


def test_a_folder_of_maps(vpr, drives, street_map, tmp_path):
    """Every answer names its map."""
    folder = tmp_path / "maps"
    folder.mkdir()
    shutil.copy(street_map, folder / "street.vprmap")
    assert vpr("map", drives / "elsewhere", "-o", folder / "elsewhere.vprmap").code == 0
    result = vpr("localize", drives / "query" / "3.png", "--map", folder, "--json", "-")
    (answer,) = [json.loads(line) for line in result.out.splitlines()]
    street, elsewhere = (str(folder / f"{each}.vprmap") for each in ("street", "elsewhere"))
    assert answer["verdict"] == "ACCEPTED"
    assert (answer["candidates"][0]["map"], answer["candidates"][0]["keyframe_id"]) == (street, 4)
    assert {each["map"] for each in answer["candidates"]} == {street, elsewhere}


def test_lines_for_people(vpr, drives, street_map):
    result = vpr("localize", drives / "bag", "--map", street_map)
    lines = result.out.splitlines()
    assert len(lines) == 8 + 3
    assert lines[0].startswith("/camera 1700000000.000  ACCEPTED   1.00  keyframe 1 of session-1")
    assert lines[-3].startswith("8 frames: 8 accepted")
    assert lines[-1].startswith("hog_sift, OpenCV ")


def test_empty_map_answers_unknown(vpr, drives, street_map, tmp_path):
    empty = tmp_path / "empty.vprmap"
    with PlaceMap.open(street_map) as place_map:
        spec = place_map.info().spec
    PlaceMap.create(empty, spec).close()
    result = vpr("localize", drives / "query" / "0.png", "--map", empty, "--json", "-")
    answer = json.loads(result.out)
    assert (answer["verdict"], answer["candidates"]) == ("UNKNOWN", [])


def test_unreadable_images_are_told_and_skipped(vpr, drives, street_map, tmp_path):
    folder = shutil.copytree(drives / "query", tmp_path / "query")
    for index in range(1, 8):
        (folder / f"{index}.png").write_bytes(b"\x89PNG cut off")
    result = vpr("map", folder, "-o", tmp_path / "a.vprmap")
    assert result.code == 0
    assert "1 keyframes of 8 frames, 7 skipped" in result.out
    assert result.err.count("vpr: skipped: ") == 6, "five by name, then that there are more"
    assert "1.png" in result.err
    result = vpr("localize", folder, "--map", street_map)
    assert "1 frames: 1 accepted, 0 ambiguous, 0 unknown, 7 skipped" in result.out


def test_source_without_a_readable_image(vpr, street_map, tmp_path):
    (tmp_path / "1.png").write_bytes(b"\x89PNG cut off")
    result = vpr("map", tmp_path, "-o", tmp_path / "a.vprmap")
    assert result.code == 2
    assert "none of 1 frames could be read: " in result.err
    assert not (tmp_path / "a.vprmap").exists(), "no map that would hold nothing"
    assert vpr("localize", tmp_path, "--map", street_map).code == 2


def test_interrupted_mapping_is_committed(vpr, drives, tmp_path, monkeypatch):
    step = Session.step

    def interrupted(session, frame):
        if frame.name == "5.png":
            raise KeyboardInterrupt
        return step(session, frame)

    monkeypatch.setattr(Session, "step", interrupted)
    never = ("--set", "keyframes.commit_period=60")
    result = vpr("map", drives / "map", "-o", tmp_path / "a.vprmap", *never)
    assert (result.code, result.err) == (130, "vpr: interrupted\n")
    with PlaceMap.open(tmp_path / "a.vprmap") as place_map:
        assert len(place_map) == 5


@pytest.mark.parametrize("target", ["nowhere/answers.jsonl", "."])
def test_json_that_cannot_be_written(vpr, drives, street_map, tmp_path, target):
    output = tmp_path / target
    result = vpr("localize", drives / "query", "--map", street_map, "--json", output)
    assert result.code == 2
    assert str(output) in result.err


@pytest.mark.parametrize("method", ["transvpr", "r2former"])
def test_networks_map_and_localize(vpr, drives, generated_weights, method, tmp_path):
    path, output = tmp_path / "a.vprmap", tmp_path / "answers.jsonl"
    network = ("--method", method, "--weights", generated_weights(method), "--device", "cpu")
    size = ("--set", "network.width=224", "--set", "network.height=160")
    result = vpr("map", drives / "map", "-o", path, *network, *size)
    assert (result.code, result.err) == (0, "")
    result = vpr("localize", drives / "map", "--map", path, "--json", output, *network, *size)
    assert (result.code, result.err) == (0, "")
    answers = lines_of(output)
    assert len(answers) == 8
    for number, answer in enumerate(answers, start=1):
        own = next(c for c in answer["candidates"] if c["keyframe_id"] == number)
        assert own["similarity"] == pytest.approx(1.0, abs=1e-3)
        assert (own["inliers"] == -1) == (method == "r2former")
    result = vpr("localize", drives / "map", "--map", path)
    assert result.code == 2
    assert f"made with {method}" in result.err
