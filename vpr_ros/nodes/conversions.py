# SPDX-License-Identifier: Apache-2.0
"""Between ROS messages and the values of ``vpr_ros.datatypes``, in one place."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from builtin_interfaces.msg import Time
from geometry_msgs.msg import Pose as PoseMessage
from geometry_msgs.msg import PoseStamped, PoseWithCovarianceStamped, Transform
from nav_msgs.msg import Odometry
from nav_msgs.msg import Path as PathMessage
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from vpr_ros.datatypes import (
    Candidate,
    ImageArray,
    LoopClosure,
    Pose,
    Recognition,
)
from vpr_ros.errors import ImageError
from vpr_ros.geometry.poses import checked_pose
from vpr_ros.geometry.transforms import RigidTransform
from vpr_ros.images import (
    PackedImage,
    check_image,
    decode_compressed,
    decode_ros_image,
    pack_ros_image,
)
from vpr_ros.nodes.interfaces import FrameTimings, PlaceCandidate, PlaceMatch
from vpr_ros.nodes.interfaces import LoopClosure as LoopClosureMessage
from vpr_ros.place_map import Map
from vpr_ros.route.session import Maps

_NS_PER_S = 1_000_000_000


def stamp_to_ns(stamp: Time) -> int:
    """Nanoseconds since the epoch of the stamp's clock."""
    return int(stamp.sec) * _NS_PER_S + int(stamp.nanosec)


def ns_to_stamp(stamp_ns: int) -> Time:
    """The message of a stamp in nanoseconds."""
    return Time(sec=stamp_ns // _NS_PER_S, nanosec=stamp_ns % _NS_PER_S)


def image_from_message(message: Image | CompressedImage) -> ImageArray:
    """An image message as RGB, uint8 [H, W, 3]; by cv_bridge where it is installed.

    Raises:
        ImageError: empty, truncated, or in an encoding that is not understood.
    """
    if isinstance(message, CompressedImage):
        return decode_compressed(message.data)
    bridge = _cv_bridge()
    if bridge is None:
        return decode_ros_image(message)
    packed = pack_ros_image(message)  # cv_bridge does not look whether step and data fit
    try:
        image = np.asarray(bridge(packed, "rgb8"), dtype=np.uint8)
    except Exception as error:  # CvBridgeError exists only where cv_bridge does
        raise ImageError(f"cv_bridge cannot convert {packed.encoding!r}: {error}") from error
    check_image(image)
    return image


def pose_from_message(
    message: Odometry | PoseStamped | PoseWithCovarianceStamped,
) -> tuple[int, Pose]:
    """(stamp in nanoseconds, pose) of any message that holds a stamped pose.

    Raises:
        PoseError: a number is NaN or infinite, or the quaternion is zero.
    """
    pose = message.pose if isinstance(message, PoseStamped) else message.pose.pose
    p, q = pose.position, pose.orientation
    checked = checked_pose((p.x, p.y, p.z), (q.x, q.y, q.z, q.w), message.header.frame_id)
    return stamp_to_ns(message.header.stamp), checked


def pose_from_transform(message: Transform, frame_id: str) -> Pose:
    """The pose of a transform's source in its target, the frame with the given name.

    Raises:
        PoseError: a number is NaN or infinite, or the quaternion is zero.
    """
    t, q = message.translation, message.rotation
    return checked_pose((t.x, t.y, t.z), (q.x, q.y, q.z, q.w), frame_id)


def transform_from_message(message: Transform) -> RigidTransform:
    """A transform between two frames that stand beside it.

    Raises:
        PoseError: a number is NaN or infinite, or the quaternion is zero.
    """
    return RigidTransform.of_pose(pose_from_transform(message, "a transform"))


def transform_to_message(transform: RigidTransform) -> Transform:
    """The message of a transform, its quaternion of unit norm."""
    message = Transform()
    t, q = message.translation, message.rotation
    pose = transform.as_pose("")
    t.x, t.y, t.z = pose.position
    q.x, q.y, q.z, q.w = pose.orientation
    return message


def path_from_message(message: PathMessage) -> list[tuple[int, Pose]]:
    """(stamp in nanoseconds, pose) of every pose of a trajectory, in its order.

    Raises:
        PoseError: a number is NaN or infinite, or a quaternion is zero.
    """
    stamped = (pose_from_message(each) for each in message.poses)
    # Some stacks name the frame in the path's header alone.
    return [
        (stamp, replace(pose, frame_id=message.header.frame_id or pose.frame_id))
        for stamp, pose in stamped
    ]


def place_match_to_message(recognition: Recognition, header: Header, maps: Maps) -> PlaceMatch:
    """The answer to the image with the given header.

    Args:
        recognition: the answer.
        header: of the image.
        maps: where candidates are kept.
    """
    candidates = [_candidate_to_message(each, maps.searched) for each in recognition.candidates]
    first = candidates[0] if candidates else None
    message = PlaceMatch(
        header=header,
        map_id=first.map_id if first else maps.place_map.uuid,
        map=first.map if first else str(maps.place_map.path),
        verdict=int(recognition.verdict),
        reason=recognition.reason,
        probability=recognition.probability,
        candidates=candidates,
    )
    if recognition.pose is not None:
        measured = recognition.pose
        message.has_pose, message.pose_frame_id = True, measured.map_T_base.frame_id
        message.pose.pose = pose_to_message(measured.map_T_base)
        message.pose.covariance = measured.covariance.ravel().astype(float).tolist()
    return message


def frame_timings_to_message(header: Header, timings_s: Mapping[str, float]) -> FrameTimings:
    """How long the image with the given header took, stage by stage."""
    return FrameTimings(header=header, stages=list(timings_s), seconds=list(timings_s.values()))


def loop_closure_to_message(closure: LoopClosure, header: Header, maps: Maps) -> LoopClosureMessage:
    """A loop closure, with the transform between its images where that was measured."""
    match, searched = closure.match, maps.searched
    query, key = closure.key, match.keyframe.key
    message = LoopClosureMessage(
        header=header,
        query_stamp=ns_to_stamp(closure.stamp_ns),
        match_stamp=ns_to_stamp(match.keyframe.stamp_ns),
        query_keyframe_id=query.id,
        match_keyframe_id=key.id,
        query_map_id=query.map,
        match_map_id=key.map,
        query_map=str(searched.path_of(query)),
        match_map=str(searched.path_of(key)),
        score=closure.probability,
        inliers=match.comparison.inliers if match.comparison else -1,
    )
    if closure.transform is not None:
        pose = pose_to_message(closure.transform.match_T_query)
        message.has_transform = True
        p, t = pose.position, message.transform.translation
        t.x, t.y, t.z = p.x, p.y, p.z
        message.transform.rotation = pose.orientation
        message.covariance = closure.transform.covariance.ravel().tolist()
    return message


def _candidate_to_message(candidate: Candidate, searched: Map) -> PlaceCandidate:
    keyframe, comparison = candidate.keyframe, candidate.comparison
    message = PlaceCandidate(
        map_id=keyframe.key.map,
        map=str(searched.path_of(keyframe.key)),
        keyframe_id=keyframe.key.id,
        session=keyframe.session,
        similarity=candidate.similarity,
        rerank_score=comparison.score if comparison else math.nan,
        inliers=comparison.inliers if comparison else -1,
        has_pose=keyframe.pose is not None,
    )
    # Filled in place: ten candidates an image, and a message makes its own parts in any case.
    message.stamp.sec, message.stamp.nanosec = divmod(keyframe.stamp_ns, _NS_PER_S)
    if keyframe.pose is not None:
        message.pose_frame_id = keyframe.pose.frame_id
        _fill(message.pose, keyframe.pose)
    return message


def pose_to_message(pose: Pose) -> PoseMessage:
    """The pose without its frame."""
    message = PoseMessage()
    _fill(message, pose)
    return message


def _fill(message: PoseMessage, pose: Pose) -> None:
    p, q = message.position, message.orientation
    p.x, p.y, p.z = pose.position
    q.x, q.y, q.z, q.w = pose.orientation


@functools.cache
def _cv_bridge() -> Callable[[PackedImage, str], Any] | None:
    """cv_bridge's converter, or None where it is not installed."""
    try:
        from cv_bridge import CvBridge
    except ImportError:
        return None
    convert: Callable[[PackedImage, str], Any] = CvBridge().imgmsg_to_cv2
    return convert
