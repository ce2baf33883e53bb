# SPDX-License-Identifier: Apache-2.0
"""Nothing is lost between ROS messages and the values they become."""

import math
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import rosbags.image
from builtin_interfaces.msg import Time
from geometry_msgs.msg import PoseStamped, PoseWithCovarianceStamped, Transform
from hypothesis import given
from hypothesis import strategies as st
from nav_msgs.msg import Odometry
from nav_msgs.msg import Path as PathMessage
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from vpr_ros.datatypes import (
    Candidate,
    Comparison,
    KeyframeKey,
    KeyframeRecord,
    LoopClosure,
    MeasuredTransform,
    Pose,
    PoseEstimate,
    Recognition,
    Verdict,
)
from vpr_ros.errors import ImageError
from vpr_ros.geometry.poses import PoseError
from vpr_ros.geometry.transforms import quaternion
from vpr_ros.nodes import conversions
from vpr_ros.nodes.conversions import (
    frame_timings_to_message,
    image_from_message,
    loop_closure_to_message,
    ns_to_stamp,
    path_from_message,
    place_match_to_message,
    pose_from_message,
    pose_to_message,
    stamp_to_ns,
    transform_from_message,
    transform_to_message,
)
from vpr_ros.nodes.interfaces import PlaceMatch

ROUTE = "route"  # in place of the uuid of a map
LATEST_NS = 2**31 * 10**9 - 1  # the last nanosecond that fits builtin_interfaces/Time
ANY = st.floats(allow_nan=True, allow_infinity=True)
POSE = Pose((1.0, 2.0, 3.0), (0.0, 0.0, 0.6, 0.8), "odom")
KINDS = [Odometry, PoseStamped, PoseWithCovarianceStamped]


@pytest.fixture
def no_cv_bridge(monkeypatch):
    """A machine without cv_bridge, whatever is installed on this one."""
    monkeypatch.setitem(sys.modules, "cv_bridge", None)
    conversions._cv_bridge.cache_clear()
    yield
    conversions._cv_bridge.cache_clear()


def over_the_wire(message):
    return deserialize_message(serialize_message(message), type(message))


@given(st.one_of(st.sampled_from([0, 1, 10**9 - 1, 10**9, LATEST_NS]), st.integers(0, LATEST_NS)))
def test_stamps_keep_every_nanosecond(stamp_ns):
    assert stamp_to_ns(over_the_wire(ns_to_stamp(stamp_ns))) == stamp_ns


@given(st.integers(-(2**31), 2**31 - 1), st.integers(0, 10**9 - 1))
def test_times_keep_every_nanosecond(sec, nanosec):
    time = Time(sec=sec, nanosec=nanosec)
    assert ns_to_stamp(stamp_to_ns(time)) == time


def image_message(image, encoding, /, **fields):
    height, width = image.shape[:2]
    step = image.nbytes // height
    message = Image(height=height, width=width, encoding=encoding, step=step)
    message.data = image.tobytes()
    for name, value in fields.items():
        setattr(message, name, value)
    return message


@pytest.mark.usefixtures("no_cv_bridge")
@pytest.mark.parametrize(("encoding", "channels"), [
    ("rgb8", [0, 1, 2]), ("bgr8", [2, 1, 0]), ("rgba8", [0, 1, 2, 0]), ("bgra8", [2, 1, 0, 0]),
    ("8UC3", [2, 1, 0]),
])  # fmt: skip
def test_an_image_message_becomes_rgb(scene, encoding, channels):
    image = scene(1, 30, 40)
    message = over_the_wire(image_message(image[..., channels], encoding))
    assert np.array_equal(image_from_message(message), image)


@pytest.mark.usefixtures("no_cv_bridge")
def test_without_cv_bridge_images_are_converted_by_rosbags(scene, monkeypatch):
    convert, seen = rosbags.image.image_to_cvimage, []

    def spy(message, color_space):
        seen.append(message.encoding)
        return convert(message, color_space)

    monkeypatch.setattr(rosbags.image, "image_to_cvimage", spy)
    image_from_message(image_message(scene(1, 30, 40), "bgr8"))
    assert seen == ["bgr8"]


@pytest.mark.parametrize(("change", "words"), [
    ({"height": 0}, "no pixels"),
    ({"step": 10}, "step = 10"),
    ({"encoding": "jpeg"}, "'jpeg'"),
    ({"data": b"\0" * 100}, "truncated"),
    ({"data": b""}, "truncated"),
])  # fmt: skip
def test_a_bad_image_message_is_an_image_error(scene, change, words):
    with pytest.raises(ImageError, match=words):
        image_from_message(image_message(scene(1, 30, 40), "rgb8", **change))


def test_a_message_that_nobody_filled_in_is_an_image_error():
    for message in (Image(), CompressedImage()):
        with pytest.raises(ImageError):
            image_from_message(message)


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_a_compressed_image_becomes_rgb(suffix):
    image = np.zeros((30, 40, 3), np.uint8)
    image[..., 0] = 250
    message = CompressedImage(format=suffix)
    message.data = cv2.imencode(suffix, image[..., ::-1])[1].tobytes()
    decoded = image_from_message(over_the_wire(message))
    assert np.abs(decoded.astype(int) - image).max() <= 6


def stamped_pose(kind, position, orientation, frame="odom", stamp_ns=5):
    message = kind()
    message.header.frame_id = frame
    message.header.stamp = ns_to_stamp(stamp_ns)
    pose = message.pose if kind is PoseStamped else message.pose.pose
    pose.position.x, pose.position.y, pose.position.z = position
    q = pose.orientation
    q.x, q.y, q.z, q.w = orientation
    return message


@pytest.mark.parametrize("kind", KINDS)
def test_every_pose_message_gives_its_stamp_pose_and_frame(kind):
    message = stamped_pose(kind, POSE.position, POSE.orientation, "odom", 1_700_000_000_000_000_001)
    stamp_ns, pose = pose_from_message(over_the_wire(message))
    assert stamp_ns == 1_700_000_000_000_000_001
    assert pose.frame_id == "odom"
    assert pose.position == POSE.position
    assert pose.orientation == pytest.approx(POSE.orientation)


@pytest.mark.parametrize("kind", KINDS)
def test_a_quaternion_of_another_length_is_normalized(kind):
    _, pose = pose_from_message(stamped_pose(kind, (0.0, 0.0, 0.0), (0.0, 0.0, 3.0, 4.0)))
    assert pose.orientation == pytest.approx((0.0, 0.0, 0.6, 0.8))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("position", "orientation"), [
    ((math.nan, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0)),
    ((0.0, math.inf, 0.0), (0.0, 0.0, 0.0, 1.0)),
    ((0.0, 0.0, 0.0), (0.0, 0.0, math.nan, 1.0)),
    ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 0.0)),
])  # fmt: skip
def test_a_pose_that_cannot_be_is_a_pose_error(kind, position, orientation):
    with pytest.raises(PoseError, match="'odom'"):
        pose_from_message(stamped_pose(kind, position, orientation))


@given(st.tuples(ANY, ANY, ANY), st.tuples(ANY, ANY, ANY, ANY))
def test_any_pose_message_gives_a_pose_or_a_pose_error(position, orientation):
    try:
        _, pose = pose_from_message(stamped_pose(Odometry, position, orientation))
    except PoseError:
        return
    assert pose.position == position
    assert math.hypot(*pose.orientation) == pytest.approx(1.0)


def test_a_pose_survives_the_way_out_and_back():
    message = PoseStamped(pose=pose_to_message(POSE))
    message.header.frame_id = POSE.frame_id
    assert pose_from_message(over_the_wire(message))[1] == POSE


def recognition(*candidates, verdict=Verdict.ACCEPTED):
    timings = {"extract": 0.02, "rerank": 0.01, "decide": 0.0}
    return Recognition(5, verdict, "it fits", 0.75, candidates, timings)


def candidate(pose=POSE, comparison=None, number=7, uuid=ROUTE):
    key = KeyframeKey(uuid, number)
    record = KeyframeRecord(key, "monday", 1_700_000_000_000_000_001, pose)
    return Candidate(record, 0.5, comparison)


def path_of(key):
    return Path(f"/maps/{key.map}.vprmap")


# What a conversion asks of the maps in use: where they lie, and which may grow.
MAPS = SimpleNamespace(
    place_map=SimpleNamespace(uuid=ROUTE, path=Path("/maps/route.vprmap")),
    searched=SimpleNamespace(path_of=path_of),
)


def sent(answer):
    header = Header(stamp=ns_to_stamp(5), frame_id="camera")
    return over_the_wire(place_match_to_message(answer, header, MAPS))


def test_a_candidate_of_another_map():
    message = sent(recognition(candidate(uuid="floor2")))
    assert (message.map_id, message.map) == ("floor2", "/maps/floor2.vprmap")
    (first,) = message.candidates
    assert (first.map_id, first.map, first.keyframe_id) == ("floor2", "/maps/floor2.vprmap", 7)


def closed(transform=None):
    match = candidate(uuid="floor2", comparison=Comparison(80.0, 80))
    key = KeyframeKey(ROUTE, 9)
    closure = LoopClosure(key, 70 * 10**9, match, 0.9, "camera", transform)
    header = Header(stamp=ns_to_stamp(70 * 10**9), frame_id="camera")
    return over_the_wire(loop_closure_to_message(closure, header, MAPS))


def test_a_loop_closure_names_both_keyframes_and_invents_no_transform():
    message = closed()
    assert (stamp_to_ns(message.header.stamp), message.header.frame_id) == (70 * 10**9, "camera")
    assert stamp_to_ns(message.query_stamp) == 70 * 10**9
    assert stamp_to_ns(message.match_stamp) == 1_700_000_000_000_000_001
    assert (message.query_map_id, message.query_keyframe_id) == (ROUTE, 9)
    assert (message.match_map_id, message.match_keyframe_id) == ("floor2", 7)
    assert (message.query_map, message.match_map) == (
        "/maps/route.vprmap",
        "/maps/floor2.vprmap",
    )
    assert (message.score, message.inliers) == (pytest.approx(0.9), 80)
    assert not message.has_transform
    assert not any(message.covariance)


def test_a_loop_closure_tells_the_motion_that_was_measured():
    covariance = np.diag([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    message = closed(MeasuredTransform(POSE, covariance))
    assert message.has_transform
    t, q = message.transform.translation, message.transform.rotation
    assert ((t.x, t.y, t.z), (q.x, q.y, q.z, q.w)) == (POSE.position, POSE.orientation)
    assert np.array_equal(np.reshape(message.covariance, (6, 6)), covariance)


def test_an_answer_tells_the_pose_that_was_measured():
    covariance = np.diag(np.arange(1.0, 7.0)).astype(np.float32)
    measured = PoseEstimate(POSE, covariance, 40, (KeyframeKey(ROUTE, 7),))
    message = sent(replace(recognition(candidate()), pose=measured))
    assert (message.has_pose, message.pose_frame_id) == (True, "odom")
    assert message.pose.pose == pose_to_message(POSE)
    assert np.array_equal(np.reshape(message.pose.covariance, (6, 6)), covariance)


def test_an_answer_without_a_measured_pose_invents_none():
    message = sent(recognition(candidate()))
    assert (message.has_pose, message.pose_frame_id) == (False, "")
    assert not any(message.pose.covariance)


def test_how_long_a_frame_took_is_a_message_of_its_own():
    header = Header(stamp=ns_to_stamp(5), frame_id="camera")
    message = frame_timings_to_message(header, {"extract": 0.02, "rerank": 0.01, "decide": 0.0})
    message = over_the_wire(message)
    assert message.header == header
    assert message.stages == ["extract", "rerank", "decide"]
    assert list(message.seconds) == pytest.approx([0.02, 0.01, 0.0])


def test_a_trajectory_with_its_frame_in_its_own_header():
    path = PathMessage(header=Header(frame_id="map"))
    pose = PoseStamped(header=Header(stamp=ns_to_stamp(5)))
    pose.pose.orientation.w = 2.0
    path.poses = [pose]
    assert path_from_message(path) == [(5, Pose((0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0), "map"))]


def test_a_place_match_says_what_was_recognized():
    message = sent(recognition(candidate(comparison=Comparison(80.0, 80, 1.1))))
    assert (stamp_to_ns(message.header.stamp), message.header.frame_id) == (5, "camera")
    assert (message.map_id, message.map) == (ROUTE, "/maps/route.vprmap")
    assert (message.verdict, message.reason) == (PlaceMatch.ACCEPTED, "it fits")
    assert message.probability == 0.75


def test_a_candidate_says_which_keyframe_and_how_well_it_fits():
    message = sent(recognition(candidate(comparison=Comparison(80.0, 80, 1.1))))
    (first,) = message.candidates
    assert (first.keyframe_id, first.session) == (7, "monday")
    assert stamp_to_ns(first.stamp) == 1_700_000_000_000_000_001
    assert (first.similarity, first.rerank_score, first.inliers) == (0.5, 80.0, 80)
    assert (first.has_pose, first.pose_frame_id) == (True, "odom")
    assert first.pose == pose_to_message(POSE)


def test_a_candidate_that_was_not_reranked_says_so():
    (first,) = sent(recognition(candidate())).candidates
    assert math.isnan(first.rerank_score)
    assert first.inliers == -1


def test_a_reranker_that_counts_no_inliers_says_so():
    (first,) = sent(recognition(candidate(comparison=Comparison(0.3, -1)))).candidates
    assert (first.rerank_score, first.inliers) == (pytest.approx(0.3), -1)


def test_a_candidate_without_a_pose_says_so():
    (first,) = sent(recognition(candidate(pose=None))).candidates
    assert (first.has_pose, first.pose_frame_id) == (False, "")


def test_candidates_keep_their_order():
    answer = recognition(*(candidate(number=number) for number in (4, 9, 2)))
    assert [each.keyframe_id for each in sent(answer).candidates] == [4, 9, 2]


def test_an_answer_without_candidates_is_a_message():
    message = sent(recognition(verdict=Verdict.UNKNOWN))
    assert (message.verdict, len(message.candidates)) == (PlaceMatch.UNKNOWN, 0)
    assert (message.map_id, message.map) == (ROUTE, "/maps/route.vprmap")


@pytest.mark.parametrize("verdict", Verdict)
def test_verdicts_have_the_numbers_of_the_message(verdict):
    assert getattr(PlaceMatch, verdict.name) == verdict


numbers = st.floats(-1.0, 1.0)


@given(st.tuples(numbers, numbers, numbers, numbers).filter(lambda q: math.hypot(*q) > 0.01))
def test_transforms_there_and_back(values):
    message = Transform()
    q = message.rotation
    q.x, q.y, q.z, q.w = values
    message.translation.y = 3.0
    transform = transform_from_message(message)
    np.testing.assert_allclose(transform.rotation @ transform.rotation.T, np.eye(3), atol=1e-12)
    back = np.array(quaternion(transform.rotation))
    unit = np.array(values) / math.hypot(*values)
    assert abs(float(back @ unit)) == pytest.approx(1.0, abs=1e-12)
    written = over_the_wire(transform_to_message(transform))
    assert written.translation == message.translation
    r = written.rotation
    assert math.hypot(r.x, r.y, r.z, r.w) == pytest.approx(1.0, abs=1e-12)


def test_a_transform_that_cannot_be_is_refused():
    message = Transform()
    message.rotation.w = 0.0
    with pytest.raises(PoseError, match="zero quaternion"):
        transform_from_message(message)
