# SPDX-License-Identifier: Apache-2.0
"""A robot with a front and a rear camera, over DDS: one map, and it knows which way it faces."""

import math
import os
import sys

import pytest

pytest.importorskip("rclpy", reason="the nodes need ROS 2")

from geometry_msgs.msg import PoseStamped
from node_harness import (
    START_NS,
    Observer,
    node_process,
    pattern,
    pose_message,
    raw_message,
    stamped,
)
from rclpy.qos import QoSDurabilityPolicy, QoSProfile
from sensor_msgs.msg import CameraInfo, Image
from tf_harness import transform

from vpr_ros.nodes.interfaces import PlaceMatch
from vpr_ros.place_map import PlaceMap

S = 10**9
PLACES = 3
# The place of one is in the settings, that of the other one in /tf_static.
CAMERAS = ("/front/image 0.5 0 1 0 0 0", "/rear/image")


@pytest.fixture
def ear(ros):
    observer = Observer()
    yield observer
    observer.close()


@pytest.fixture
def description(ear, stack_messages, monkeypatch):
    """What robot_state_publisher says: the rear camera looks back."""
    from tf2_msgs.msg import TFMessage

    # The processes of the nodes need the messages, too.
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    link = transform("base_link", "rear_link", 0, x=-0.5)
    link.transform.translation.z = 1.0
    link.transform.rotation.z, link.transform.rotation.w = 1.0, 0.0
    optical = transform("rear_link", "rear_optical", 0)
    q = optical.transform.rotation
    q.x, q.y, q.z, q.w = -0.5, 0.5, -0.5, 0.5
    latched = QoSProfile(depth=1, durability=QoSDurabilityPolicy.TRANSIENT_LOCAL)
    publisher = ear.node.create_publisher(TFMessage, "/tf_static", latched)
    publisher.publish(TFMessage(transforms=[link, optical]))
    return publisher


def image_of(camera, view, stamp_ns):
    frame = "rear_optical" if "rear" in camera.topic_name else "front_optical"
    return stamped(raw_message(view, stamp_ns), stamp_ns, frame)


def ahead(place):
    return pattern(place)


def behind(place):
    return pattern(100 + place)


def learn(ear, log, path):
    """Drive past some places that are 10 m apart, along x."""
    rules = {"cameras": CAMERAS, "pose_type": "pose", "pose_timeout": 2.0, "loops__close": False}
    with node_process("mapper", log, path, **rules) as process:
        process.configure()
        process.activate()
        front, rear = ear.publisher(Image, "/front/image"), ear.publisher(Image, "/rear/image")
        poses = ear.publisher(PoseStamped, "/pose")
        intrinsics = ear.publisher(CameraInfo, "/front/camera_info")
        k = [300.0, 0.0, 160.0, 0.0, 300.0, 120.0, 0.0, 0.0, 1.0]
        intrinsics.publish(CameraInfo(width=320, height=240, k=k))
        ear.spin_for(0.5)
        for place in range(PLACES):
            stamp = START_NS + place * S
            poses.publish(pose_message(10.0 * place, stamp))
            front.publish(image_of(front, ahead(place), stamp))
            rear.publish(image_of(rear, behind(place), stamp))
            ear.wait_for(lambda n=2 * place + 2: process.keyframes() == n, "both cameras")
        for publisher in (front, rear, poses, intrinsics):
            ear.silence(publisher)


def test_each_camera_finds_what_either_saw(ear, description, tmp_path):
    path = tmp_path / "route.vprmap"
    learn(ear, tmp_path / "log", path)
    with PlaceMap.open(path) as place_map:
        cameras = [place_map.camera_of(each.key) for each in place_map.table.records()]
    assert {camera.frame_id for camera in cameras} == {"front_optical", "rear_optical"}
    assert sorted(camera.mount.position[0] for camera in cameras) == [-0.5] * 3 + [0.5] * 3
    assert {camera.width for camera in cameras if camera.mount.position[0] > 0} == {320}

    with node_process("localizer", tmp_path / "log", path, cameras=CAMERAS) as process:
        process.configure()
        process.activate()
        front, rear = ear.publisher(Image, "/front/image"), ear.publisher(Image, "/rear/image")
        # The first two come back the other way: each camera sees what the other one saw.
        looks = [(front, behind(1), math.pi), (rear, ahead(1), math.pi), (front, ahead(1), 0.0)]
        for number, (camera, view, heading) in enumerate(looks):
            stamp = START_NS + (100 + number) * S
            camera.publish(image_of(camera, view, stamp))
            match = ear.wait_for_match(stamp)
            assert match.verdict == PlaceMatch.ACCEPTED, match.reason
            pose = match.candidates[0].pose
            # Cameras half a meter before and behind the middle of the robot: turned round on the
            # spot, they change places, and the middle stays.
            assert pose.position.x == pytest.approx(10.0)
            yaw = 2.0 * math.atan2(pose.orientation.z, pose.orientation.w)
            assert math.cos(yaw - heading) == pytest.approx(1.0)
        status = ear.wait_for_status("localizer", lambda s: s.count("frames processed") == 3, "3")
        assert status.values["image topic"] == "/front/image, /rear/image"
        ear.silence(front)
        ear.silence(rear)
