# SPDX-License-Identifier: Apache-2.0
"""What the setting ``cameras`` means, and what it must not say."""

import math
from dataclasses import replace

import pytest

pytest.importorskip("rclpy", reason="the nodes need ROS 2")

from rclpy.node import Node
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import CameraInfo

from vpr_ros.config import NodeConfig
from vpr_ros.datatypes import Camera
from vpr_ros.drives.bag_messages import camera_of
from vpr_ros.errors import ConfigError
from vpr_ros.nodes.camera_inputs import CameraInput, camera_inputs
from vpr_ros.route.mounts import parse_mount


def listed(*entries):
    return camera_inputs(replace(NodeConfig(), cameras=entries))


def test_without_a_list_there_is_one_camera():
    (only,) = listed()
    assert (only.topic, only.mount, only.camera) == ("image", None, None)


def test_topics_with_and_without_a_place():
    front, rear = listed("front/image_raw 0.5 0 1.2 0 0 0", "/rear/image_raw")
    assert front.topic == "front/image_raw"
    assert (front.camera.name, rear.camera.name) == ("front/image_raw", "/rear/image_raw")
    assert front.mount.position == (0.5, 0.0, 1.2)
    assert rear.mount is None


K = [700.0, 0.0, 640.0, 0.0, 701.0, 360.0, 0.0, 0.0, 1.0]


def info(k=K, **fields):
    """A CameraInfo as it comes over the wire."""
    message = CameraInfo(width=1280, height=720, distortion_model="plumb_bob", k=k, **fields)
    return deserialize_message(serialize_message(message), CameraInfo)


def test_intrinsics_arrive_later_than_the_place():
    (camera,) = listed("front/image 0.5 0 1.2 0 0 0")
    mount = camera.mount
    assert camera.camera.intrinsics == ()
    camera.take_info(info(d=[0.1, -0.2, 0.001, 0.0, 0.05]))
    told = camera.camera
    assert (told.mount, told.name, told.width, told.height) == (mount, "front/image", 1280, 720)
    assert (told.intrinsics, told.distortion) == (tuple(K), (0.1, -0.2, 0.001, 0.0, 0.05))
    assert told.distortion_model == "plumb_bob"
    assert all(type(value) is float for value in (*told.intrinsics, *told.distortion))


P = [650.0, 0.0, 630.0, 0.0, 0.0, 651.0, 350.0, 0.0, 0.0, 0.0, 1.0, 0.0]


@pytest.mark.parametrize(
    ("topic", "is_rectified"),
    [
        ("/cam/image_rect", True),
        ("/cam/image_rect_color/compressed", True),
        ("/cam/image_raw", False),
        ("/rect/image", False),
    ],
)
def test_rectified_images_have_the_intrinsics_of_the_rectified_ones(topic, is_rectified):
    (camera,) = listed()
    camera.take_info(info(d=[0.1, -0.2, 0.001, 0.0, 0.05], p=P), topic)
    told = camera.camera
    focal = 650.0 if is_rectified else 700.0
    assert (told.intrinsics[0], len(told.intrinsics)) == (focal, 9)
    assert any(told.distortion) is not is_rectified


def test_rectified_images_of_a_camera_without_a_projection_keep_what_is_known():
    told = camera_of(info(d=[0.1, -0.2, 0.001, 0.0, 0.05]), is_rectified=True)
    assert told.intrinsics == tuple(K)


@pytest.mark.parametrize("value", [0.0, math.nan, math.inf])
def test_a_camera_that_is_not_calibrated_is_unknown_live_as_in_bags(value):
    (camera,) = listed()
    camera.take_info(info([value] * 9))
    assert camera.camera is None
    assert camera_of(info([value] * 9)) is None
    camera.take_info(info())
    camera.take_info(info([value] * 9))
    assert camera.camera.intrinsics == tuple(K)  # what was known stays


@pytest.fixture
def node(ros):
    """Makes a node with remapping rules."""
    nodes = []

    def make(**remap):
        rules = [word for name, to in remap.items() for word in ("-r", f"{name}:={to}")]
        arguments = ["--ros-args", *rules] if rules else []
        nodes.append(
            Node("cameras", namespace="robot", cli_args=arguments, start_parameter_services=False)
        )
        return nodes[-1]

    yield make
    for node in nodes:
        node.destroy_node()


@pytest.mark.parametrize(("topic", "remap", "transport", "images", "infos"), [
    ("image", {}, "raw", "/robot/image", ["/robot/camera_info"]),
    ("image", {}, "compressed", "/robot/image/compressed", ["/robot/camera_info"]),
    ("image", {"image": "/front/image_raw"}, "raw", "/front/image_raw", ["/front/camera_info"]),
    ("image", {"image": "/front/image_raw"}, "compressed",
     "/front/image_raw/compressed", ["/front/camera_info"]),
    ("image", {"image": "/front/image_raw", "camera_info": "/calibrated"}, "compressed",
     "/front/image_raw/compressed", ["/calibrated"]),
    ("image", {"image": "/front/image_raw/compressed"}, "compressed",
     "/front/image_raw/compressed", ["/front/camera_info", "/front/image_raw/camera_info"]),
    ("/front/image_raw/compressed", {}, "raw",
     "/front/image_raw/compressed", ["/front/camera_info", "/front/image_raw/camera_info"]),
])  # fmt: skip
def test_topics_are_those_of_image_transport(node, topic, remap, transport, images, infos):
    camera, node = CameraInput(topic), node(**remap)
    assert node.resolve_topic_name(camera.images_name(node, transport)) == images
    assert [node.resolve_topic_name(name) for name in camera.info_names(node)] == infos


class Mounts:
    """/tf_static, for a camera 2 m up."""

    def mount(self, frame_id, configured):
        return configured or {"optical": parse_mount("0 0 2 0 0 0")}.get(frame_id)


def test_an_image_tells_the_frame_and_the_frame_the_place():
    (only,) = listed()
    assert only.seen_in("", Mounts()) is None
    assert only.seen_in("elsewhere", Mounts()) == Camera(frame_id="elsewhere")
    camera = only.seen_in("optical", Mounts())
    assert (camera.frame_id, camera.mount.position) == ("optical", (0.0, 0.0, 2.0))
    only.take_info(CameraInfo(width=640, height=480, k=[1.0] * 9))
    camera = only.seen_in("optical", Mounts())
    assert (camera.width, camera.mount.position) == (640, (0.0, 0.0, 2.0))


def test_numbers_that_are_listed_go_before_those_of_the_frame():
    inputs = listed("front 0.5 0 1.2 0 0 0", "rear")
    front, rear = (camera.seen_in("optical", Mounts()) for camera in inputs)
    assert front.mount.position == (0.5, 0.0, 1.2)
    assert rear.mount.position == (0.0, 0.0, 2.0)
    assert (front.name, rear.name) == ("front", "rear")


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
