# SPDX-License-Identifier: Apache-2.0
"""A network with its learned reranker inside the nodes: every part runs."""

import pytest

pytest.importorskip("rclpy", reason="the nodes need ROS 2")

from node_harness import START_NS, STEP_NS, Observer, node_process, pattern, raw_message
from sensor_msgs.msg import Image

from vpr_ros.demo.lifecycle_process import NodeProcessError

PLACES = 3


@pytest.fixture
def ear(ros):
    observer = Observer()
    yield observer
    observer.close()


def stamp(number):
    return START_NS + number * STEP_NS


def test_what_the_mapper_learned_the_localizer_finds(ear, tmp_path):
    settings = {"method": "r2former_tiny", "rerank": "learned"}
    path = tmp_path / "route.vprmap"
    every_frame = {"pose_type": "none", "keyframes__view_change": 0.0}
    with node_process("mapper", tmp_path / "mapper.log", path, **every_frame, **settings) as mapper:
        mapper.configure()
        mapper.activate()
        camera = ear.publisher(Image, "/image")
        for number in range(1, PLACES + 1):
            camera.publish(raw_message(pattern(number), stamp(number)))
            ear.wait_for(lambda n=number: mapper.keyframes() == n, f"keyframe {number}")
        ear.silence(camera)
    with node_process("localizer", tmp_path / "localizer.log", path, **settings) as localizer:
        localizer.configure()
        localizer.activate()
        camera = ear.publisher(Image, "/image")
        camera.publish(raw_message(pattern(2), stamp(9)))
        match = ear.wait_for_match(stamp(9))
        status = ear.wait_for_status("localizer", lambda s: s.count("frames processed") == 1, "it")
        ear.silence(camera)
    assert len(match.candidates) == PLACES
    by_id = {candidate.keyframe_id: candidate for candidate in match.candidates}
    assert by_id[2].similarity == pytest.approx(1.0, abs=1e-3)
    assert by_id[2].inliers == -1
    assert by_id[2].rerank_score > 0.0
    assert status.values["backend"].startswith("r2former_tiny + own + learned, ONNX Runtime ")


def test_a_network_without_weights_is_refused_by_name(ros, tmp_path):
    process = node_process("mapper", tmp_path / "log", tmp_path / "a.vprmap", method="transvpr")
    with process, pytest.raises(NodeProcessError, match=r"transvpr needs network\.weights"):
        process.configure()
