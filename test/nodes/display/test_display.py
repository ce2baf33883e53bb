# SPDX-License-Identifier: Apache-2.0
"""What people see of a localizer, over DDS: pictures, markers, records, and why it did not."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="the nodes need ROS 2")

from geometry_msgs.msg import PoseStamped
from node_harness import (
    KEEP_ALL,
    START_NS,
    STEP_NS,
    Observer,
    node_process,
    pattern,
    pose_message,
    raw_message,
    set_parameter,
)
from sensor_msgs.msg import Image
from std_srvs.srv import Trigger
from visualization_msgs.msg import Marker, MarkerArray

from vpr_ros import pipeline
from vpr_ros.config import PipelineConfig
from vpr_ros.datatypes import Keyframe, Pose, Verdict
from vpr_ros.images import decode_ros_image, encode_jpeg, read_image
from vpr_ros.nodes.conversions import stamp_to_ns
from vpr_ros.nodes.interfaces import LoadMap
from vpr_ros.pictures.match_picture import COLORS, GAP, STRIP

PLACES = 4
ELSEWHERE = 99  # a pattern that no map holds
WORKING = {"records__on": "not_accepted", "records__max_count": 2, "records__period": 0.0}


@pytest.fixture(scope="module")
def ear(ros):
    observer = Observer()
    yield observer
    observer.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("display")


def write_map(path, places):
    """Places 20 m apart, and one keyframe without a pose."""
    line = pipeline.build(PipelineConfig(method="hog_sift"))
    with line.continue_map(path) as place_map:
        place_map.begin_session("monday")
        for number in range(places + 1):
            pose = Pose((20.0 * number, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0), "odom")
            image = pattern(number)
            place_map.append(
                Keyframe(
                    START_NS + number * 20 * 10**9,
                    line.extractor.extract(image),
                    pose if number < places else None,
                    thumbnail_jpeg=encode_jpeg(image),
                )
            )
        place_map.commit()
    return path


@pytest.fixture(scope="module")
def seen(ear, folder):
    """An active localizer that answered two images before anybody looked."""
    path = write_map(folder / "route.vprmap", PLACES)
    records = folder / "records"
    settings = {**WORKING, "records__folder": str(records)}
    with node_process("localizer", folder / "log", path, **settings) as process:
        process.configure()
        process.activate()
        found = SimpleNamespace(process=process, records=records, camera=None, stamp=START_NS)
        found.camera = ear.publisher(Image, "/image")
        for number in (0, ELSEWHERE):
            show(ear, found, number)
        found.unwatched = ear.wait_for_status(
            "localizer", lambda s: s.count("frames processed") == 2, "two frames"
        )
        yield found
        ear.silence(found.camera)


def show(ear, seen, number):
    """Publish a pattern and wait for the answer; returns its stamp and the answer."""
    seen.stamp += STEP_NS
    seen.camera.publish(raw_message(pattern(number), seen.stamp))
    return seen.stamp, ear.wait_for_match(seen.stamp)


def listener(ear, kind, topic):
    """A subscription that is connected, and what it hears."""
    heard = []
    made = ear.node.create_subscription(kind, topic, heard.append, KEEP_ALL)
    ear.wait_for(lambda: ear.node.count_publishers(topic), topic)
    return made, heard


def test_without_subscribers_nothing_is_drawn(seen):
    stages = {name.rpartition(" median")[0] for name in seen.unwatched.values}
    assert "extract" in stages
    assert not {"match image", "markers", "map markers"} & stages


def test_why_it_did_not_localize_is_counted(seen):
    values = seen.unwatched.values
    assert (values["ACCEPTED"], values["UNKNOWN"]) == ("1", "1")
    assert values["not localized: too little agreement"] == "1"
    assert len([name for name in values if name.startswith("not localized")]) == 1


def test_a_subscriber_gets_the_picture_of_every_answer(ear, seen):
    made, pictures = listener(ear, Image, "/localizer/match_image")

    def picture_of(number):
        """Images sent until one is drawn: the node may learn of the subscriber a little later."""
        stamps = []

        def look():
            stamps.append(show(ear, seen, number)[0])
            ear.spin_for(0.1)
            return [p for p in pictures if stamp_to_ns(p.header.stamp) in stamps]

        return ear.wait_for(look, "a picture")[0]

    for number, verdict in ((2, Verdict.ACCEPTED), (ELSEWHERE, Verdict.UNKNOWN)):
        message = picture_of(number)
        assert message.header.frame_id == "camera_front"
        assert (message.width, message.height) == (2 * 320 + GAP, 240 + STRIP)
        picture = decode_ros_image(message)
        assert tuple(picture[241, 5]) == COLORS[verdict]
        beside = picture[:240, :320].astype(int) - pattern(number)
        assert np.median(np.abs(beside)) == 0  # the query, but for points and lines
    ear.node.destroy_subscription(made)
    status = ear.wait_for_status("localizer", lambda s: "match image max [ms]" in s.values, "cost")
    assert float(status.values["match image median [ms]"]) > 0.0


def test_pictures_and_records_change_while_the_node_runs(ear, seen, folder):
    made, pictures = listener(ear, Image, "/localizer/match_image")
    answers = [set_parameter(seen.process, "pictures.max_side", 160)]
    answers += [set_parameter(seen.process, "records.folder", str(folder / "elsewhere"))]
    assert all(answer.successful for answer in answers)

    def is_small():
        show(ear, seen, 2)
        ear.spin_for(0.1)
        return pictures and pictures[-1].height == 120 + STRIP

    ear.wait_for(is_small, "a smaller picture")
    ear.node.destroy_subscription(made)
    answer = save_record(seen)
    assert answer.message.startswith(str(folder / "elsewhere"))
    assert set_parameter(seen.process, "records.folder", str(seen.records)).successful
    assert set_parameter(seen.process, "pictures.max_side", 640).successful


def markers_of(heard, namespace):
    return [m for message in heard for m in message.markers if m.ns == namespace]


def test_markers_show_the_map_the_belief_and_the_match(ear, seen):
    made, heard = listener(ear, MarkerArray, "/localizer/markers")
    (keyframes,) = ear.wait_for(lambda: markers_of(heard, "keyframes"), "the map")
    (path,) = markers_of(heard, "path")
    assert heard[0].markers[0].action == Marker.DELETEALL
    assert keyframes.header.frame_id == path.header.frame_id == "odom"
    assert [point.x for point in keyframes.points] == [20.0 * n for n in range(PLACES)]
    assert (keyframes.type, path.type) == (Marker.POINTS, Marker.LINE_STRIP)
    heard.clear()
    stamp, _ = show(ear, seen, 2)
    (match,) = ear.wait_for(lambda: markers_of(heard, "match"), "the match")
    assert (match.type, match.action, match.pose.position.x) == (Marker.ARROW, Marker.ADD, 40.0)
    assert stamp_to_ns(match.header.stamp) == stamp
    added = [m for m in markers_of(heard, "belief") if m.action == Marker.ADD]
    assert len(added) == PLACES
    assert added[0].pose.position.x == 40.0
    assert added[0].scale.x > added[-1].scale.x
    heard.clear()
    show(ear, seen, ELSEWHERE)
    (match,) = ear.wait_for(lambda: markers_of(heard, "match"), "no match")
    assert match.action == Marker.DELETE
    left_out = "keyframes without pose"
    status = ear.wait_for_status("localizer", lambda s: left_out in s.values, left_out)
    assert status.count(left_out) == 1
    ear.node.destroy_subscription(made)


def test_who_comes_late_and_who_loads_another_map_sees_the_map(ear, seen, folder):
    first, heard = listener(ear, MarkerArray, "/localizer/markers")
    ear.wait_for(lambda: markers_of(heard, "keyframes"), "the map")
    second, heard_late = listener(ear, MarkerArray, "/localizer/markers")
    ear.wait_for(lambda: markers_of(heard_late, "keyframes"), "the map, late")
    path = write_map(folder / "other.vprmap", 2)
    assert seen.process.request(LoadMap, "load_map", LoadMap.Request(path=str(path))).success

    def sizes():
        return [len(each.points) for each in markers_of(heard, "keyframes")]

    ear.wait_for(lambda: sizes()[-1] == 2, "the other map")
    path = folder / "route.vprmap"
    assert seen.process.request(LoadMap, "load_map", LoadMap.Request(path=str(path))).success
    for made in (first, second):
        ear.node.destroy_subscription(made)


def save_record(seen):
    return seen.process.request(Trigger, "save_record", Trigger.Request())


def test_what_was_not_accepted_is_kept_and_no_more_than_allowed(ear, seen):
    stamps = [show(ear, seen, ELSEWHERE)[0] for _ in range(3)]

    def names():
        return sorted(path.name for path in seen.records.iterdir())

    wanted = [f"{stamp}{suffix}" for stamp in stamps[1:] for suffix in (".json", ".png")]
    ear.wait_for(lambda: names() == wanted, "two records")
    note = json.loads((seen.records / wanted[2]).read_text("utf-8"))
    assert note["image"] == wanted[3]
    assert (note["verdict"], note["cause"]) == ("UNKNOWN", "too little agreement")
    assert note["saved_because"] == "not accepted"
    assert note["frame_id"] == "camera_front"
    assert note["map"].endswith("route.vprmap")
    assert len(note["model"]) == 16
    assert len(note["candidates"]) == PLACES + 1
    np.testing.assert_array_equal(read_image(seen.records / wanted[3]), pattern(ELSEWHERE))


def test_a_record_on_request_can_be_answered_again(ear, seen, folder, capsys):
    from vpr_ros.cli.main import main

    stamp, match = show(ear, seen, 3)
    answer = save_record(seen)
    assert answer.success
    assert answer.message == str(seen.records / f"{stamp}.png")
    capsys.readouterr()
    words = ["localize", answer.message, "--map", str(folder / "route.vprmap"), "--json", "-"]
    words += ["--method", "hog_sift"]
    assert main(words) == 0
    again = json.loads(capsys.readouterr().out.splitlines()[0])
    assert (again["stamp_ns"], again["verdict"]) == (stamp, "ACCEPTED")
    assert again["reason"] == match.reason


def test_a_record_that_cannot_be_written_costs_nothing_else(ear, seen, tmp_path):
    in_the_way = tmp_path / "file"
    in_the_way.write_text("no folder")
    settings = {**WORKING, "records__folder": str(in_the_way)}
    path, log = write_map(tmp_path / "a.vprmap", 1), tmp_path / "log"
    inputs = {"image": "/image2"}
    with node_process("localizer", log, path, "full", inputs, **settings) as process:
        process.configure()
        empty = process.request(Trigger, "save_record", Trigger.Request())
        assert not empty.success
        assert "no image was answered" in empty.message
        process.activate()
        camera = ear.publisher(Image, "/image2")
        for number in range(1, 4):
            camera.publish(raw_message(pattern(ELSEWHERE), number * STEP_NS))
            ear.spin_for(0.2)
        status = ear.wait_for_status("full", lambda s: "records failed" in s.values, "a failure")
        asked = process.request(Trigger, "save_record", Trigger.Request())
        ear.silence(camera)
    assert status.count("records failed") >= 1
    assert status.count("frames failed") == 0
    assert "exists" in status.values["last record error"].lower()
    assert not asked.success
    assert "no record" in asked.message
    assert log.read_text("utf-8").count("no record in") == 1
    assert in_the_way.read_text() == "no folder"


def test_a_map_that_grows_is_seen_to_grow(ear, tmp_path):
    inputs = {"image": "/image3", "pose": "/pose3"}
    settings = {"pose_type": "pose", "keyframes__commit_period": 0.0}
    path, log = tmp_path / "new.vprmap", tmp_path / "log"
    with node_process("mapper", log, path, None, inputs, **settings) as process:
        process.configure()
        process.activate()
        made, heard = listener(ear, MarkerArray, "/mapper/markers")
        camera, poses = ear.publisher(Image, "/image3"), ear.publisher(PoseStamped, "/pose3")

        def drive(number):
            """Publish a frame 2 m farther on; returns how many keyframes the last map has."""
            stamp = START_NS + number * 2 * STEP_NS
            poses.publish(pose_message(2.0 * number, stamp))
            camera.publish(raw_message(pattern(number), stamp))
            ear.spin_for(0.3)
            found = markers_of(heard, "keyframes")
            return len(found[-1].points) if found else 0

        numbers = iter(range(100))
        first = ear.wait_for(lambda: drive(next(numbers)), "the first keyframes")
        ear.wait_for(lambda: drive(next(numbers)) > first, "more keyframes")
        for publisher in (camera, poses):
            ear.silence(publisher)
        ear.node.destroy_subscription(made)
    ids = {marker.id for marker in markers_of(heard, "keyframes")}
    assert ids == {0}  # one marker that grows
