# SPDX-License-Identifier: Apache-2.0
"""A camera as image_transport publishes it: base topic, compressed sibling, intrinsics."""

import pytest

pytest.importorskip("rclpy", reason="the nodes need ROS 2")

from node_harness import START_NS, STEP_NS, jpeg_message, node_process, pattern
from sensor_msgs.msg import CameraInfo, CompressedImage

from vpr_ros.place_map import PlaceMap

K = [300.0, 0.0, 160.0, 0.0, 300.0, 120.0, 0.0, 0.0, 1.0]


@pytest.mark.parametrize("topic", ["/camera/image_raw", "/camera/image_raw/compressed"])
def test_the_mapper_hears_the_compressed_images_and_their_camera(observer, tmp_path, topic):
    path = tmp_path / "a.vprmap"
    rules = {"pose_type": "none", "loops__close": False, "image_transport": "compressed"}
    with node_process("mapper", tmp_path / "log", path, None, {"image": topic}, **rules) as process:
        process.configure()
        process.activate()
        intrinsics = observer.publisher(CameraInfo, "/camera/camera_info")
        images = observer.publisher(CompressedImage, "/camera/image_raw/compressed")
        for number in range(3):
            intrinsics.publish(CameraInfo(width=320, height=240, k=K))
            observer.spin_for(0.5)
            images.publish(jpeg_message(pattern(number), START_NS + number * 10 * STEP_NS))
        status = observer.wait_for_status(
            "mapper", lambda s: s.count("frames processed") == 3, "three images"
        )
        assert status.values["image topic"] == "/camera/image_raw/compressed"
        observer.silence(images)
        observer.silence(intrinsics)
    with PlaceMap.open(path) as place_map:
        cameras = {place_map.camera_of(each.key) for each in place_map.table.records()}
    assert {camera.intrinsics for camera in cameras} == {tuple(K)}
