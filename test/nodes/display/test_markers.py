# SPDX-License-Identifier: Apache-2.0
"""Markers stand where poses say, few however large the map, and go when they no longer hold."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="markers are ROS messages")

from builtin_interfaces.msg import Time
from rclpy.serialization import serialize_message
from visualization_msgs.msg import Marker, MarkerArray

from vpr_ros.datatypes import (
    Candidate,
    KeyframeKey,
    KeyframeRecord,
    Pose,
    PoseEstimate,
    Recognition,
    Verdict,
)
from vpr_ros.geometry.transforms import RigidTransform
from vpr_ros.nodes.display.markers import BELIEFS, MapMarkers
from vpr_ros.place_map import KeyframeTable

STAMP = Time(sec=7, nanosec=5)
SIDEWAYS = (0.0, 0.0, 0.5**0.5, 0.5**0.5)


def record(number, x=0.0, session="monday", frame="odom", posed=True):
    pose = Pose((x, 2.0, 0.5), SIDEWAYS, frame) if posed else None
    return KeyframeRecord(KeyframeKey("map", number), session, number, pose)


def shown(records):
    return MapMarkers(KeyframeTable(records))


def row(count, step=1.0, **about):
    return [record(number + 1, step * number, **about) for number in range(count)]


def answer(records, verdict=Verdict.ACCEPTED, similarities=(), believed=()):
    chosen = zip(records, similarities or [0.9] * len(records), strict=False)
    candidates = tuple(Candidate(each, value) for each, value in chosen)
    return Recognition(0, verdict, "so", 0.9, candidates, {}, believed=tuple(believed))


def named(markers, namespace, action=Marker.ADD):
    return [m for m in markers if m.ns == namespace and m.action == action]


def test_a_map_is_two_markers_for_each_drive_however_large():
    markers = shown(row(3000)).of_map()
    assert [m.action for m in markers] == [Marker.ADD, Marker.ADD]
    (keyframes,), (path,) = named(markers, "keyframes"), named(markers, "path")
    assert len(keyframes.points) == len(path.points) == 3000
    assert keyframes.type == Marker.POINTS
    assert path.type == Marker.LINE_STRIP
    assert (keyframes.points[4].x, keyframes.points[4].y, keyframes.points[4].z) == (4.0, 2.0, 0.5)
    assert keyframes.header.stamp == Time()  # a map holds at all times


def test_drives_are_apart_in_path_color_and_frame():
    records = [*row(3), *row(4, session="tuesday"), *row(2, session="wednesday", frame="map")]
    markers = shown(records).of_map()
    paths = named(markers, "path")
    assert [len(each.points) for each in paths] == [3, 4, 2]
    assert [each.header.frame_id for each in paths] == ["odom", "odom", "map"]
    assert len({(each.color.r, each.color.g, each.color.b) for each in paths}) == 3
    assert len({each.id for each in paths}) == 3


def test_keyframes_without_pose_are_left_out_and_counted():
    made = shown([record(1, 0.0), record(2, posed=False), record(3, 1.0)])
    assert made.without_pose == 1
    (path,) = named(made.of_map(), "path")
    assert [point.x for point in path.points] == [0.0, 1.0]


@pytest.mark.parametrize("records", [[], [record(1, posed=False)]])
def test_a_map_without_poses_shows_nothing(records):
    made = shown(records)
    assert made.of_map() == []
    markers = made.of_answer(answer(records), STAMP)
    assert {m.action for m in markers} == {Marker.DELETE}


def test_one_keyframe_is_a_point_and_no_path():
    markers = shown(row(1)).of_map()
    assert named(markers, "path") == []
    assert len(named(markers, "keyframes")) == 1


def test_sizes_follow_the_map():
    indoors, outdoors = (named(shown(row(9, step)).of_map(), "path") for step in (0.5, 4.0))
    assert outdoors[0].scale.x == pytest.approx(8.0 * indoors[0].scale.x)


def test_the_accepted_match_is_an_arrow_along_the_pose():
    records = row(5)
    made = shown(records).of_answer(answer(records[2:]), STAMP)
    (match,) = named(made, "match")
    assert match.type == Marker.ARROW
    assert match.pose.position.x == 2.0
    assert match.pose.orientation.z == SIDEWAYS[2]
    assert (match.header.frame_id, match.header.stamp) == ("odom", STAMP)


@pytest.mark.parametrize("verdict", [Verdict.AMBIGUOUS, Verdict.UNKNOWN])
def test_no_match_is_shown_that_was_not_accepted(verdict):
    records = row(5)
    made = shown(records).of_answer(answer(records, verdict), STAMP)
    assert named(made, "match") == []
    assert len(named(made, "match", Marker.DELETE)) == 1


def test_without_a_filter_candidates_are_shown_by_their_similarity():
    records = row(4)
    made = shown(records).of_answer(answer(records, similarities=(0.2, 0.9, -0.1, 0.5)), STAMP)
    spheres = named(made, "belief")
    assert [each.pose.position.x for each in spheres] == [1.0, 3.0, 0.0, 2.0]
    sizes = [each.scale.x for each in spheres]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] > 0.0
    assert spheres[0].color.r > spheres[-1].color.r
    assert spheres[0].color.a > spheres[-1].color.a


def test_a_belief_is_shown_instead_of_candidates():
    records = row(9)
    given = answer(
        records[:3], believed=[(KeyframeKey("map", 7), 0.8), (KeyframeKey("map", 9), 0.1)]
    )
    spheres = named(shown(records).of_answer(given, STAMP), "belief")
    assert [each.pose.position.x for each in spheres] == [6.0, 8.0]
    # Eight times as likely: twice as wide.
    assert spheres[0].scale.x == pytest.approx(2.0 * spheres[1].scale.x)


@pytest.mark.parametrize("count", [0, 3, BELIEFS, 50])
def test_spheres_of_the_last_answer_do_not_stay(count):
    records = row(60)
    markers = shown(records).of_answer(answer(records[:count]), STAMP)
    spheres, gone = named(markers, "belief"), named(markers, "belief", Marker.DELETE)
    assert len(spheres) == min(count, BELIEFS)
    assert {each.id for each in (*spheres, *gone)} == set(range(BELIEFS))


def test_everything_can_be_sent():
    made = shown(row(5))
    markers = [*made.of_map(), *made.of_answer(answer(row(3)), STAMP)]
    assert serialize_message(MarkerArray(markers=markers))


def test_a_measured_pose_stands_where_it_is_as_large_as_its_doubt():
    given = answer(row(3))
    turned = np.array([[0.6, -0.8, 0.0], [0.8, 0.6, 0.0], [0.0, 0.0, 1.0]])
    covariance = np.eye(6, dtype=np.float32)
    covariance[:3, :3] = turned @ np.diag([0.04, 0.01, 0.0]) @ turned.T
    pose = Pose((1.0, 2.5, 0.5), SIDEWAYS, "odom")
    given = replace(given, pose=PoseEstimate(pose, covariance, 40, ()))
    markers = shown(row(3)).of_answer(given, STAMP)
    (arrow,), (cloud,) = named(markers, "pose"), named(markers, "covariance")
    assert (arrow.header.frame_id, arrow.header.stamp) == ("odom", STAMP)
    assert (arrow.pose.position.y, arrow.pose.orientation.z) == (2.5, SIDEWAYS[2])
    sizes = sorted((cloud.scale.x, cloud.scale.y, cloud.scale.z))
    assert sizes == pytest.approx([0.02, 0.6, 1.2], abs=1e-3)
    longest = [cloud.scale.x, cloud.scale.y, cloud.scale.z].index(max(sizes))
    q = cloud.pose.orientation
    told = Pose((0.0, 0.0, 0.0), (q.x, q.y, q.z, q.w), "")
    axis = RigidTransform.of_pose(told).rotation[:, longest]
    assert abs(axis @ turned[:, 0]) == pytest.approx(1.0, abs=1e-5)


def test_a_pose_that_was_not_measured_is_taken_away():
    markers = shown(row(3)).of_answer(answer(row(3)), STAMP)
    assert len(named(markers, "pose", Marker.DELETE)) == 1
    assert len(named(markers, "covariance", Marker.DELETE)) == 1
