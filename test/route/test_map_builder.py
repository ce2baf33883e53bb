# SPDX-License-Identifier: Apache-2.0
"""Which images become keyframes, at what cost, and when they are safe on disk."""

import math

import cv2
import numpy as np
import pytest

from vpr_ros.config import KeyframeConfig, SiftConfig
from vpr_ros.datatypes import Camera, Frame, Pose
from vpr_ros.errors import ImageError
from vpr_ros.extractors.hand_made import hog_sift
from vpr_ros.images import decode_compressed
from vpr_ros.place_map import PlaceMap
from vpr_ros.route.map_builder import MapBuilder

S = 10**9
RULES = KeyframeConfig(distance=1.0, angle=0.26, view_change=0.12, commit_period=1.0)


class CountingExtractor:
    """Counts how often an image is described."""

    def __init__(self):
        self._extractor = hog_sift(SiftConfig(max_side=64, max_keypoints=16))
        self.spec = self._extractor.spec
        self.description = self._extractor.description
        self.calls = 0

    def extract(self, image):
        self.calls += 1
        return self._extractor.extract(image)


class Drive:
    """A map that is being built, one frame a tenth of a second."""

    def __init__(self, path, rules=RULES):
        self.path = path
        self.extractor = CountingExtractor()
        self.map = PlaceMap.create(path, self.extractor.spec)
        self.builder = MapBuilder(self.extractor, self.map, rules)
        self.second = 0.0

    def offer(self, image, pose=None, second=None, camera=None):
        self.second = self.second + 0.1 if second is None else second
        frame = Frame(round(self.second * S), image, pose, camera)
        kept = self.builder.offer(frame)
        return None if kept is None else kept.key

    def on_disk(self):
        """How many keyframes another program would find now."""
        with PlaceMap.open(self.path) as reader:
            return len(reader)


@pytest.fixture
def drive(tmp_path):
    drive = Drive(tmp_path / "drive.vprmap")
    yield drive
    drive.map.close()


def at(x, yaw=0.0, frame="odom"):
    return Pose((x, 0.0, 0.0), (0.0, 0.0, math.sin(yaw / 2), math.cos(yaw / 2)), frame)


def test_the_first_frame_is_kept_with_everything_known_of_it(drive, scene):
    camera = Camera(320, 240, (1.0,) * 9, "plumb_bob", (0.0,) * 5)
    keyframe_id = drive.offer(scene(1), at(3.0), second=12.5, camera=camera)
    record = drive.map.record(keyframe_id)
    assert (record.stamp_ns, record.pose) == (12_500_000_000, at(3.0))
    assert drive.map.camera_of(keyframe_id) == camera


@pytest.mark.parametrize("poses", [(at(0.0), at(0.5), at(1.2)), (None, None, None)])
def test_each_camera_keeps_its_own_distance_between_keyframes(drive, scene, poses):
    kept = []
    for number, pose in enumerate(poses):
        view = max(number - 1, 0)  # the first two frames of a camera look alike
        for source, seed in (("front", 1 + view), ("rear", 3 + view)):
            kept.append(drive.offer(scene(seed), pose, camera=Camera(name=source)) is not None)
    assert kept == [True, True, False, False, True, True]


@pytest.mark.parametrize(("first", "second", "kept"), [
    (at(0.0), at(0.99), False),
    (at(0.0), at(1.0), True),
    (at(0.0), at(-1.0), True),
    (at(0.0), at(0.0, yaw=0.25), False),
    (at(0.0), at(0.0, yaw=0.27), True),
    (at(0.0, yaw=3.1), at(0.0, yaw=-3.1), False),
], ids=[
    "short of it", "far enough", "backwards", "turned little", "turned enough", "past south",
])  # fmt: skip
def test_a_robot_that_moved_or_turned_enough_keeps_a_frame(drive, scene, first, second, kept):
    drive.offer(scene(1), first)
    assert (drive.offer(scene(1), second) is not None) is kept


def test_distance_counts_from_the_last_keyframe_not_the_last_frame(drive, scene):
    kept = [drive.offer(scene(1), at(0.4 * i)) is not None for i in range(7)]
    assert kept == [True, False, False, True, False, False, True]


def test_a_frame_that_did_not_move_is_not_even_described(drive, scene):
    drive.offer(scene(1), at(0.0))
    for _ in range(5):
        drive.offer(scene(2), at(0.1))
    assert drive.extractor.calls == 1


def test_without_poses_an_unchanged_view_is_not_kept(drive, scene):
    assert drive.offer(scene(1)) is not None
    assert drive.offer(scene(1)) is None
    assert drive.extractor.calls == 2


def test_without_poses_a_new_view_is_kept(drive, scene):
    drive.offer(scene(1))
    assert drive.offer(scene(2)) is not None
    assert len(drive.map) == 2


@pytest.mark.parametrize(("first", "second"), [
    (at(0.0), None),
    (None, at(0.0)),
    (at(0.0), at(0.0, frame="map")),
    (at(0.0), at(90.0, frame="map")),
], ids=["lost", "found", "other frame", "other frame, far"])  # fmt: skip
def test_where_poses_cannot_be_compared_the_view_decides(drive, scene, first, second):
    drive.offer(scene(1), first)
    assert drive.offer(scene(1), second) is None
    assert drive.offer(scene(2), second) is not None


def test_view_change_counts_from_the_last_keyframe(drive, scene):
    blends = [cv2.addWeighted(scene(1), 1 - a, scene(2), a, 0) for a in np.linspace(0, 1, 9)]
    kept = [drive.offer(blend) is not None for blend in blends]
    assert kept[0]
    assert 1 < sum(kept) < 9


def test_stamps_that_go_backwards_are_kept_as_they_are(drive, scene):
    drive.offer(scene(1), at(0.0), second=100.0)
    keyframe_id = drive.offer(scene(2), at(5.0), second=10.0)
    assert drive.map.record(keyframe_id).stamp_ns == 10 * S


def test_the_first_keyframe_is_durable_at_once(drive, scene):
    drive.offer(scene(1), at(0.0))
    assert drive.on_disk() == 1


def test_keyframes_are_durable_once_the_period_is_over(drive, scene):
    durable = []
    for i in range(12):
        drive.offer(scene(1), at(5.0 * i), second=0.25 * i)
        durable.append(drive.on_disk())
    assert durable == [1, 1, 1, 1, 5, 5, 5, 5, 9, 9, 9, 9]


@pytest.mark.parametrize("pose", [at(5.0), None], ids=["standing", "same view"])
def test_frames_that_are_not_kept_commit_those_that_were(drive, scene, pose):
    drive.offer(scene(1), at(0.0), second=0.0)
    drive.offer(scene(2), at(5.0), second=0.5)
    assert drive.on_disk() == 1
    assert drive.offer(scene(2), pose, second=1.5) is None
    assert drive.on_disk() == 2


def test_a_jump_back_in_time_commits(drive, scene):
    drive.offer(scene(1), at(0.0), second=100.0)
    drive.offer(scene(1), at(5.0), second=100.1)
    drive.offer(scene(1), at(9.0), second=50.0)
    assert drive.on_disk() == 3
    drive.offer(scene(1), at(15.0), second=50.5)
    assert drive.on_disk() == 3


def test_a_period_of_zero_commits_every_frame(tmp_path, scene):
    drive = Drive(tmp_path / "every.vprmap", KeyframeConfig(commit_period=0.0))
    for i in range(4):
        drive.offer(scene(1), at(5.0 * i), second=0.1)
        assert drive.on_disk() == i + 1
    drive.map.close()


def test_finish_makes_the_rest_durable(drive, scene):
    for i in range(4):
        drive.offer(scene(1), at(5.0 * i))
    assert drive.on_disk() == 1
    drive.builder.finish()
    assert drive.on_disk() == 4


@pytest.mark.parametrize(("shape", "wanted"), [
    ((240, 320), (240, 320)),
    ((480, 640), (240, 320)),
    ((640, 480), (320, 240)),
    ((20, 30), (20, 30)),
])  # fmt: skip
def test_thumbnails_are_bounded_and_never_enlarged(drive, scene, shape, wanted):
    keyframe_id = drive.offer(scene(1, *shape), at(0.0))
    assert decode_compressed(drive.map.thumbnail(keyframe_id)).shape == (*wanted, 3)


def test_a_bad_image_is_refused_and_the_drive_goes_on(drive, scene):
    drive.offer(scene(1), at(0.0))
    with pytest.raises(ImageError):
        drive.offer(np.zeros((0, 0, 3), np.uint8), at(5.0))
    assert drive.offer(scene(1), at(5.0)) is not None


class Learner:
    """Takes note of what a map holds for others when it is asked to calibrate it."""

    def __init__(self, drive):
        self.drive, self.asked = drive, []

    def keep(self, place_map, seconds):
        assert place_map is self.drive.map
        self.asked.append((self.drive.on_disk(), seconds))


def test_a_finished_map_is_calibrated_once_it_is_safe_and_a_saved_one_is_not(drive, scene):
    learner = Learner(drive)
    builder = MapBuilder(drive.extractor, drive.map, RULES, learner)
    for i in range(4):
        builder.offer(Frame(i, scene(1), at(5.0 * i)))
    builder.save()
    assert (drive.on_disk(), learner.asked) == (4, [])
    builder.finish(3.0)
    assert learner.asked == [(4, 3.0)]
