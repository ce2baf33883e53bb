# SPDX-License-Identifier: Apache-2.0
"""What is kept, how often, and what a full disk is worth."""

import json
import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="the recorder takes ROS messages")

from node_harness import START_NS, jpeg_message, pattern, raw_message

from vpr_ros.config import RecordsConfig
from vpr_ros.datatypes import (
    Candidate,
    Cause,
    Features,
    KeyframeKey,
    KeyframeRecord,
    LocalFeatures,
    Recognition,
    Verdict,
)
from vpr_ros.images import decode_compressed, read_image
from vpr_ros.nodes.display.answered import Answered
from vpr_ros.nodes.display.recorder import Recorder, encoded
from vpr_ros.records import folder as records

IMAGE = pattern(1)
ABOUT = {"map": "route.vprmap", "model": "0123456789abcdef"}


def answered(verdict=Verdict.UNKNOWN, number=0, message=None):
    stamp = START_NS + number
    cause = Cause.NONE if verdict is Verdict.ACCEPTED else Cause.OFF_MAP
    found = Recognition(
        stamp, verdict, "so", 0.25, (), {"extract": 0.02}, cause, ((KeyframeKey("a", 7), 0.4),)
    )
    nothing = np.zeros((0, 2), np.float32)
    local = LocalFeatures(nothing, nothing[:, 0], nothing, (320, 240))
    message = message or raw_message(IMAGE, stamp)
    return Answered(message, IMAGE, Features(np.zeros(1, np.float32), local), found)


def path_of(key):
    return Path(f"/maps/{key.map}.vprmap")


def recorder(folder, **settings):
    return Recorder(RecordsConfig(folder=str(folder), **settings), ABOUT, path_of)


@pytest.mark.parametrize(("on", "verdict", "due"), [
    ("request", Verdict.UNKNOWN, False),
    ("not_accepted", Verdict.ACCEPTED, False),
    ("not_accepted", Verdict.UNKNOWN, True),
    ("not_accepted", Verdict.AMBIGUOUS, True),
])  # fmt: skip
def test_what_is_kept_unasked(tmp_path, on, verdict, due):
    assert recorder(tmp_path, on=on).is_due(answered(verdict), 0.0) is due


def test_no_more_than_one_record_in_a_period_unasked(tmp_path):
    made = recorder(tmp_path, on="not_accepted", period=2.0)
    made.save(answered(), "not accepted", 10.0)
    assert [made.is_due(answered(), now) for now in (10.0, 11.9, 12.0)] == [False, False, True]


def test_a_record_says_all_there_is_to_know(tmp_path):
    path = recorder(tmp_path).save(answered(), "request", 0.0)
    note = json.loads(path.with_suffix(".json").read_text("utf-8"))
    assert {name: note[name] for name in ABOUT} == ABOUT
    assert (note["stamp_ns"], note["frame_id"]) == (START_NS, "camera_front")
    assert (note["verdict"], note["reason"], note["cause"]) == ("UNKNOWN", "so", "off the map")
    assert note["believed"] == [
        {"keyframe_id": 7, "map": "/maps/a.vprmap", "map_id": "a", "probability": 0.4}
    ]
    assert note["timings_ms"] == {"extract": 20.0}
    assert note["saved_because"] == "request"
    np.testing.assert_array_equal(read_image(path), IMAGE)


def test_keyframes_of_several_maps_are_named_with_their_map(tmp_path):
    given = answered()
    found = replace(
        given.recognition,
        candidates=(Candidate(KeyframeRecord(KeyframeKey("b", 5), "one", 0, None), 0.5),),
        believed=((KeyframeKey("b", 5), 0.4),),
    )
    path = recorder(tmp_path).save(replace(given, recognition=found), "request", 0.0)
    note = json.loads(path.with_suffix(".json").read_text("utf-8"))
    for each in (*note["candidates"], *note["believed"]):
        assert (each["keyframe_id"], each["map"], each["map_id"]) == (5, "/maps/b.vprmap", "b")


def test_a_jpeg_is_kept_byte_for_byte():
    message = jpeg_message(IMAGE, START_NS)
    found = encoded(answered(message=message))
    assert (found.data, found.suffix) == (bytes(message.data), ".jpg")


def test_other_compressed_images_are_kept_as_png():
    message = jpeg_message(IMAGE, START_NS)
    message.data = b"RIFF....WEBP"
    found = encoded(answered(message=message))
    assert found.suffix == ".png"
    np.testing.assert_array_equal(decode_compressed(found.data), IMAGE)


def test_a_full_disk_is_said_once_counted_and_survived(tmp_path, monkeypatch, caplog):
    made, write = recorder(tmp_path), records.write_files

    def refuse(contents):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(records, "write_files", refuse)
    with caplog.at_level(logging.WARNING, "vpr_ros"):
        for number in range(3):
            with pytest.raises(OSError, match="No space left"):
                made.save(answered(number=number), "not accepted", float(number))
    assert len(caplog.records) == 1
    assert made.facts()["records failed"] == "3"
    assert "No space left" in made.facts()["last record error"]
    monkeypatch.setattr(records, "write_files", write)
    assert made.save(answered(number=9), "not accepted", 9.0).exists()
    assert made.facts() == {"records saved": "1", "records failed": "3", "last record error": ""}


def test_who_never_records_shows_nothing_of_it(tmp_path):
    assert recorder(tmp_path).facts() == {}
