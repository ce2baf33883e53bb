# SPDX-License-Identifier: Apache-2.0
"""The two bags: complete, readable, written once, and never half."""

import dataclasses

import cv2
import numpy as np
import pytest
from rosbags.rosbag2 import Reader
from rosbags.typesys import Stores, get_typestore

from vpr_ros.errors import DatasetError
from vpr_ros.simulation import DriveBags, write_drive
from vpr_ros.simulation import drive as simulated_drive
from vpr_ros.simulation.drive import (
    IMAGE_TOPIC,
    INFO_TOPIC,
    ODOMETRY_TOPIC,
    TOPICS,
    TRUTH_TOPIC,
)
from vpr_ros.simulation.laps import map_lap, query_lap, small_drive

CONFIG = dataclasses.replace(small_drive(), image_width=96, image_height=64, rate_hz=1.0)
STORE = get_typestore(Stores.ROS2_HUMBLE)


class NumberedFilm:
    """In place of a rendered lap, of which ``test_town`` tells: gray frames, each a bit lighter."""

    def __init__(self, config, town, lap):
        self.trajectory = lap.trajectory(config)
        self._size = (config.image_height, config.image_width, 3)

    def frames(self):
        return (np.full(self._size, 4 * number, np.uint8) for number in range(len(self.trajectory)))


@pytest.fixture(autouse=True, scope="module")
def quickly_filmed():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(simulated_drive, "build_town", lambda plan, seed: None)
        patch.setattr(simulated_drive, "Film", NumberedFilm)
        yield


@pytest.fixture(scope="module")
def drive(tmp_path_factory):
    """Written to where an older drive of other numbers was: (folder, bags, progress)."""
    folder = tmp_path_factory.mktemp("drives") / "drive"
    folder.mkdir()
    (folder / "drive.json").write_text('{"format": 0}')
    (folder / "left_over.txt").touch()
    seen = []
    bags = write_drive(folder, CONFIG, lambda done, total: seen.append((done, total)))
    return folder, bags, seen


def messages(bag):
    """{topic: [(log time, message)]}."""
    found = {}
    with Reader(bag) as reader:
        for connection, stamp_ns, raw in reader.messages():
            message = STORE.deserialize_cdr(raw, connection.msgtype)
            found.setdefault(connection.topic, []).append((stamp_ns, message))
    return found


def header_ns(message):
    return message.header.stamp.sec * 1_000_000_000 + message.header.stamp.nanosec


def test_progress_counts_every_frame_of_both_laps(drive):
    total = sum(len(lap(CONFIG).trajectory(CONFIG)) for lap in (map_lap, query_lap))
    assert drive[2] == [(done, total) for done in range(1, total + 1)]


@pytest.mark.parametrize(("which", "lap"), [("map_bag", map_lap), ("query_bag", query_lap)])
def test_every_topic_has_a_message_for_every_frame(drive, which, lap):
    found = messages(getattr(drive[1], which))
    stamps = [
        lap(CONFIG).start_ns + round(stamp * 1e9) for stamp in lap(CONFIG).trajectory(CONFIG).stamps
    ]
    assert found.keys() == TOPICS.keys()
    for topic in TOPICS:
        assert [stamp_ns for stamp_ns, _ in found[topic]] == stamps
        assert [header_ns(message) for _, message in found[topic]] == stamps


def test_lap_two_is_hours_later(drive):
    first, second = (messages(bag)[IMAGE_TOPIC] for bag in (drive[1].map_bag, drive[1].query_bag))
    assert second[0][0] - first[-1][0] > 3600 * 1_000_000_000


def test_images_come_in_the_order_of_the_film(drive):
    images = [message for _, message in messages(drive[1].query_bag)[IMAGE_TOPIC]]
    grays = [float(cv2.imdecode(image.data, cv2.IMREAD_COLOR).mean()) for image in images]
    assert grays == pytest.approx([4.0 * number for number in range(len(images))], abs=1.0)


def test_images_fit_to_their_camera_info(drive):
    found = messages(drive[1].map_bag)
    _, image = found[IMAGE_TOPIC][0]
    _, info = found[INFO_TOPIC][0]
    assert (image.format, image.header.frame_id) == ("jpeg", "camera")
    assert cv2.imdecode(image.data, cv2.IMREAD_COLOR).shape == (info.height, info.width, 3)
    assert info.k[0] == pytest.approx(CONFIG.camera.focal)
    assert (info.k[2], info.k[5]) == (47.5, 31.5)


def test_ground_truth_is_the_trajectory(drive):
    truth = map_lap(CONFIG).trajectory(CONFIG)
    poses = [message.pose for _, message in messages(drive[1].map_bag)[TRUTH_TOPIC]]
    xyz = [(pose.position.x, pose.position.y, pose.position.z) for pose in poses]
    headings = [2 * np.arctan2(pose.orientation.z, pose.orientation.w) for pose in poses]
    expected = np.column_stack([truth.positions, np.full(len(xyz), 1.5)])
    assert np.array(xyz) == pytest.approx(expected)
    assert np.cos(headings) == pytest.approx(np.cos(truth.headings))
    assert np.sin(headings) == pytest.approx(np.sin(truth.headings))


def test_odometry_starts_at_zero_and_moves_at_the_car_s_speed(drive):
    found = [message for _, message in messages(drive[1].map_bag)[ODOMETRY_TOPIC]]
    start = found[0].pose.pose
    assert (start.position.x, start.position.y, start.orientation.w) == (0.0, 0.0, 1.0)
    assert (found[0].header.frame_id, found[0].child_frame_id) == ("odom", "base_link")
    assert found[0].twist.twist.linear.x == pytest.approx(CONFIG.speed, rel=0.03)


def test_a_complete_drive_is_used_again(drive):
    folder, bags, _ = drive
    before = (folder / "drive.json").stat().st_mtime_ns
    again = write_drive(folder, CONFIG, lambda done, total: pytest.fail("rendered again"))
    assert again == bags == DriveBags(folder / "map", folder / "query")
    assert (folder / "drive.json").stat().st_mtime_ns == before


def test_a_drive_of_other_numbers_is_replaced(drive):
    files = sorted(path.relative_to(drive[0]).as_posix() for path in drive[0].rglob("*.*"))
    bags = ["map/map.mcap", "map/metadata.yaml", "query/metadata.yaml", "query/query.mcap"]
    assert files == ["drive.json", *bags]
    assert [path.name for path in drive[0].parent.iterdir()] == ["drive"]


def test_a_folder_of_somebody_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(DatasetError, match="not a simulated drive"):
        write_drive(tmp_path, CONFIG)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_an_interrupted_drive_leaves_nothing_behind(tmp_path):
    def interrupt(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_drive(tmp_path / "drive", CONFIG, interrupt)
    assert list(tmp_path.iterdir()) == []
