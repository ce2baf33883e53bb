# SPDX-License-Identifier: Apache-2.0
"""What the setting ``cameras`` means, and what it must not say."""

from dataclasses import replace

import pytest

pytest.importorskip("rclpy", reason="the nodes need ROS 2")

from sensor_msgs.msg import CameraInfo

from vpr_ros.config import NodeConfig
from vpr_ros.errors import ConfigError
from vpr_ros.nodes.camera_inputs import camera_inputs
from vpr_ros.route.mounts import parse_mount


def listed(*entries):
    return camera_inputs(replace(NodeConfig(), cameras=entries))


def test_without_a_list_there_is_one_camera():
    (only,) = listed()
    assert (only.topic, only.info_topic, only.mount, only.camera) == (
        "image", "camera_info", None, None
    )  # fmt: skip


def test_topics_with_and_without_a_place():
    front, rear = listed("front/image_raw 0.5 0 1.2 0 0 0", "/rear/image_raw")
    assert (front.topic, front.info_topic) == ("front/image_raw", "front/camera_info")
    assert (front.camera.name, rear.camera.name) == ("front/image_raw", "/rear/image_raw")
    assert front.mount.position == (0.5, 0.0, 1.2)
    assert (rear.info_topic, rear.mount) == ("/rear/camera_info", None)


def test_intrinsics_arrive_later_than_the_place():
    (camera,) = listed("front/image 0.5 0 1.2 0 0 0")
    assert (camera.camera.mount, camera.camera.intrinsics) == (camera.mount, ())
    camera.take_info(CameraInfo(width=640, height=480, k=[float(n) for n in range(9)]))
    assert (camera.camera.mount, camera.camera.width) == (camera.mount, 640)
    assert camera.camera.intrinsics[8] == 8.0


class Mounts:
    """/tf_static, for a camera 2 m up."""

    def mount(self, frame_id, configured):
        return configured or {"optical": parse_mount("0 0 2 0 0 0")}.get(frame_id)


def test_an_image_tells_the_frame_and_the_frame_the_place():
    (only,) = listed()
    only.complete("", Mounts())
    assert only.camera is None
    only.complete("elsewhere", Mounts())
    assert (only.camera.frame_id, only.mount) == ("elsewhere", None)
    only.complete("optical", Mounts())
    assert (only.camera.frame_id, only.mount.position) == ("optical", (0.0, 0.0, 2.0))
    before = only.camera
    only.complete("optical", Mounts())
    assert only.camera is before
    only.take_info(CameraInfo(width=640))
    assert only.camera == replace(before, width=640, intrinsics=only.camera.intrinsics)


def test_numbers_that_are_listed_go_before_those_of_the_frame():
    front, rear = listed("front 0.5 0 1.2 0 0 0", "rear")
    for camera in (front, rear):
        camera.complete("optical", Mounts())
    assert front.mount.position == (0.5, 0.0, 1.2)
    assert rear.mount.position == (0.0, 0.0, 2.0)
    assert (front.camera.name, rear.camera.name) == ("front", "rear")


@pytest.mark.parametrize(("entries", "why"), [
    (["front", "front 1 2 3 0 0 0"], "names no topic, or one that is listed already"),
    ([""], "names no topic"),
    (["front 1 2 3"], "cameras: front: mount '1 2 3': write x y z roll pitch yaw"),
])  # fmt: skip
def test_a_list_that_cannot_be_meant_is_refused(entries, why):
    with pytest.raises(ConfigError, match=why):
        listed(*entries)


def test_sequences_of_similarities_follow_one_camera():
    config = NodeConfig()
    config = replace(config, sequence=replace(config.sequence, mode="seqslam"))
    assert len(camera_inputs(replace(config, cameras=("front",)))) == 1
    with pytest.raises(ConfigError, match="seqslam follows one camera: take filter"):
        camera_inputs(replace(config, cameras=("front", "rear")))
