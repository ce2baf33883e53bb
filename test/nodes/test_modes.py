# SPDX-License-Identifier: Apache-2.0
"""The modes of a node, over DDS: loops closed while mapping, answers from a map that grows."""

import pytest

pytest.importorskip("rclpy", reason="the nodes need ROS 2")

from geometry_msgs.msg import PoseStamped
from nav_msgs.msg import Path as PathMessage
from node_harness import (
    KEEP_ALL,
    START_NS,
    Observer,
    node_process,
    pattern,
    pose_message,
    raw_message,
    set_parameter,
    stamped,
)
from sensor_msgs.msg import Image
from std_srvs.srv import Trigger

from vpr_ros import pipeline
from vpr_ros.config import PipelineConfig
from vpr_ros.datatypes import Frame
from vpr_ros.nodes.conversions import stamp_to_ns
from vpr_ros.nodes.interfaces import LoadMap, LoopClosure, PlaceMatch
from vpr_ros.place_map import PlaceMap

S = 10**9
LAP = 4  # places, driven twice
RULES = {
    "pose_type": "pose",
    "pose_timeout": 2.0,
    "loops__min_seconds": 3.0,
    "loops__min_distance": 10.0,
    "decision__place_radius": 2.0,
}


@pytest.fixture
def ear(ros):
    observer = Observer()
    observer.closures = []
    observer.node.create_subscription(
        LoopClosure, "/mapper/loop_closure", observer.closures.append, KEEP_ALL
    )
    observer.node.create_subscription(
        PlaceMatch, "/mapper/place_match", observer.matches.append, KEEP_ALL
    )
    yield observer
    observer.close()


def stamp(second):
    return START_NS + round(second * S)


def drive_laps(ear, process):
    """Two laps of four places that are 10 m apart; one image and one pose a second."""
    process.configure()
    process.activate()
    camera, poses = ear.publisher(Image, "/image"), ear.publisher(PoseStamped, "/pose")
    for second in range(2 * LAP):
        place = second % LAP
        poses.publish(pose_message(10.0 * place, stamp(second)))
        camera.publish(raw_message(pattern(place), stamp(second)))
        ear.wait_for(lambda n=second: process.keyframes() == n + 1, f"keyframe {second + 1}")
    ear.silence(camera)
    ear.silence(poses)


def test_a_mapper_closes_loops(ear, tmp_path):
    path = tmp_path / "laps.vprmap"
    with node_process("mapper", tmp_path / "log", path, **RULES) as process:
        drive_laps(ear, process)
        ear.wait_for(lambda: len(ear.closures) == LAP, "four loop closures")
        status = ear.wait_for_status("mapper", lambda s: "loop closures" in s.values, "closures")
    pairs = [(each.match_keyframe_id, each.query_keyframe_id) for each in ear.closures]
    assert pairs == [(1, 5), (2, 6), (3, 7), (4, 8)]
    assert status.count("loop closures") == LAP
    assert ear.matches == []
    for number, closure in enumerate(ear.closures):
        assert closure.header.frame_id == "camera_front"
        assert stamp_to_ns(closure.query_stamp) == stamp(LAP + number)
        assert stamp_to_ns(closure.match_stamp) == stamp(number)
        assert (closure.query_map, closure.match_map) == (str(path), str(path))
        assert closure.score > 0.9
        assert closure.inliers > 20
        assert not closure.has_transform


def test_slam_answers_every_image_and_closes_loops(ear, tmp_path):
    path = tmp_path / "laps.vprmap"
    with node_process("mapper", tmp_path / "log", path, mode="slam", **RULES) as process:
        drive_laps(ear, process)
        ear.wait_for(lambda: len(ear.closures) == LAP, "four loop closures")
        ear.wait_for(lambda: len(ear.matches) == 2 * LAP, "an answer to every image")
    verdicts = [match.verdict for match in ear.matches]
    assert verdicts == [PlaceMatch.UNKNOWN] * LAP + [PlaceMatch.ACCEPTED] * LAP
    assert [match.candidates[0].keyframe_id for match in ear.matches[LAP:]] == [1, 2, 3, 4]
    with PlaceMap.open(path) as place_map:
        assert len(place_map) == 2 * LAP


def test_a_slam_corrects_the_poses_of_this_drive(ear, tmp_path):
    path = tmp_path / "laps.vprmap"
    earlier = mapped(path, range(20, 23))
    with node_process("mapper", tmp_path / "log", path, loops__close=False, **RULES) as process:
        process.configure()
        process.activate()
        camera, poses = ear.publisher(Image, "/image"), ear.publisher(PoseStamped, "/pose")
        for second in range(3):
            poses.publish(pose_message(10.0 * second, stamp(second)))
            camera.publish(raw_message(pattern(second), stamp(second)))
            ear.wait_for(lambda n=second: process.keyframes() == n + 4, "a keyframe")
        corrected = ear.publisher(PathMessage, "/corrected_path")
        trajectory = [pose_message(100.0 + 4 * second, stamp(2 * second)) for second in range(2)]
        corrected.publish(stamped(PathMessage(poses=trajectory), stamp(2), "slam"))
        ear.wait_for_status("mapper", lambda s: s.values.get("poses corrected") == "3", "it")
        for publisher in (camera, poses, corrected):
            ear.silence(publisher)
    with PlaceMap.open(path) as place_map:
        records = place_map.table.records()
    assert records[:3] == earlier
    assert [record.pose.position[0] for record in records[3:]] == [100.0, 102.0, 104.0]
    assert {record.pose.frame_id for record in records[3:]} == {"slam"}


def mapped(path, seeds):
    """A map of places without poses, at the stamps of the drives above."""
    line = pipeline.build(PipelineConfig(method="hog_sift"))
    with line.continue_map(path) as place_map:
        builder = line.map_builder(place_map)
        for second, seed in enumerate(seeds):
            builder.offer(Frame(stamp(second), pattern(seed)))
        builder.finish()
        return place_map.table.records()


def test_a_mapper_goes_on_in_another_map(ear, tmp_path):
    first, second = tmp_path / "first.vprmap", tmp_path / "second.vprmap"
    with node_process("mapper", tmp_path / "log", first, **RULES) as process:
        process.configure()
        process.activate()
        camera, poses = ear.publisher(Image, "/image"), ear.publisher(PoseStamped, "/pose")

        def show(place, keyframes):
            poses.publish(pose_message(10.0 * place, stamp(place)))
            camera.publish(raw_message(pattern(place), stamp(place)))
            fits = lambda s: s.count("keyframes") == keyframes  # noqa: E731
            return ear.wait_for_status("mapper", fits, f"{keyframes} keyframes")

        show(0, 1)
        show(1, 2)
        answer = process.request(LoadMap, "load_map", LoadMap.Request(path=str(second)))
        assert answer.success, answer.message
        assert show(2, 1).count("frames without pose") == 0
        ear.silence(camera)
        ear.silence(poses)
    for path, count in ((first, 2), (second, 1)):
        with PlaceMap.open(path) as place_map:
            assert len(place_map) == count
            assert all(record.pose is not None for record in place_map.table.records())


def test_several_maps_are_searched(ear, tmp_path):
    paths = [tmp_path / f"floor{number}.vprmap" for number in range(2)]
    for number, path in enumerate(paths):
        mapped(path, range(10 * number, 10 * number + 3))
    more = {"more_maps": (str(paths[1]),)}
    with node_process("localizer", tmp_path / "log", paths[0], **more) as process:
        process.configure()
        process.activate()
        camera = ear.publisher(Image, "/image")
        found, ids = [], set()
        for number, seed in enumerate((11, 2)):
            camera.publish(raw_message(pattern(seed), stamp(50 + number)))
            match = ear.wait_for_match(stamp(50 + number))
            assert match.verdict == PlaceMatch.ACCEPTED, match.reason
            found.append((match.map, match.candidates[0].keyframe_id))
            ids.add(match.map_id)
        ear.silence(camera)
    assert found == [(str(paths[1]), 2), (str(paths[0]), 3)]
    assert len(ids) == 2


def test_a_folder_of_maps_is_searched(ear, tmp_path):
    folder = tmp_path / "floors"
    folder.mkdir()
    for number in range(2):
        mapped(folder / f"floor{number}.vprmap", range(10 * number, 10 * number + 3))
    with node_process("localizer", tmp_path / "log", folder) as process:
        process.configure()
        process.activate()
        camera = ear.publisher(Image, "/image")
        camera.publish(raw_message(pattern(11), stamp(50)))
        match = ear.wait_for_match(stamp(50))
        ear.silence(camera)
    assert match.verdict == PlaceMatch.ACCEPTED, match.reason
    assert match.map == str(folder / "floor1.vprmap")


def test_how_far_todays_images_are_from_the_map_is_told(ear, tmp_path):
    path = tmp_path / "places.vprmap"
    mapped(path, range(20))
    with node_process("localizer", tmp_path / "log", path) as process:
        process.configure()
        process.activate()
        camera = ear.publisher(Image, "/image")
        for number in range(100):
            camera.publish(raw_message(pattern(number % 25), stamp(50 + number)))
            ear.wait_for_match(stamp(50 + number))
        told = "conditions: distance of today's images from the map"
        status = ear.wait_for_status("localizer", lambda s: told in s.values, told)
        ear.silence(camera)
    assert status.values[told].endswith(" spreads, the map has one drive")
    assert float(status.values[told].split()[0]) < 0.5
    assert "conditions: median score of accepted answers" in status.values


@pytest.fixture
def localizer(ear, tmp_path):
    """A localizer that runs on a map of three places."""
    path = tmp_path / "places.vprmap"
    mapped(path, range(3))
    with node_process("localizer", tmp_path / "log", path) as process:
        process.configure()
        process.activate()
        yield process


def test_thresholds_change_while_it_runs(ear, localizer):
    camera = ear.publisher(Image, "/image")

    def answer(second):
        camera.publish(raw_message(pattern(1), stamp(second)))
        return ear.wait_for_match(stamp(second))

    assert len(answer(50).candidates) == 3
    assert set_parameter(localizer, "decision.candidates", 1).successful
    assert len(answer(51).candidates) == 1
    refused = set_parameter(localizer, "keyframes.distance", 5.0)
    assert not refused.successful
    assert refused.reason == (
        "keyframes.distance is read when the node is configured: clean it up first"
    )
    wrong = set_parameter(localizer, "answer", "sometimes")
    assert "answer = 'sometimes': choose one of every, on_request" in wrong.reason
    assert len(answer(52).candidates) == 1
    ear.silence(camera)


def test_an_answer_on_request(ear, localizer):
    assert set_parameter(localizer, "answer", "on_request").successful
    camera = ear.publisher(Image, "/image")
    camera.publish(raw_message(pattern(1), stamp(50)))
    ear.spin_for(1.0)
    assert ear.matches == []
    answer = localizer.request(Trigger, "trigger", Trigger.Request())
    assert (answer.success, answer.message) == (
        True,
        "the next image is answered; 1 publish /image",
    )
    for second in (51, 52):
        camera.publish(raw_message(pattern(1), stamp(second)))
    ear.wait_for_match(stamp(51))
    ear.spin_for(1.0)
    assert len(ear.matches) == 1
    ear.silence(camera)
