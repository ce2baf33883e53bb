# SPDX-License-Identifier: Apache-2.0
"""Bags as drives: formats, choice of topics, flaws of single messages, and damaged files."""

import math
import sqlite3
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest

from vpr_ros.datatypes import Camera
from vpr_ros.drives.bag_file import is_bag
from vpr_ros.drives.bag_reader import BagReader
from vpr_ros.drives.topics import Topic, find_camera_topic
from vpr_ros.errors import DatasetError, ImageError
from vpr_ros.geometry.poses import PoseError
from vpr_ros.route.mounts import parse_mount

START_NS = 1_700_000_000 * 10**9
STEP_NS = 200_000_000


def read(path, *args, **kwargs):
    with BagReader(path) as bag:
        return list(bag.frames(*args, **kwargs))


@pytest.mark.parametrize(
    ("storage", "compression"),
    [
        ("mcap", "none"),
        ("mcap", "storage"),
        ("mcap", "message"),
        ("sqlite3", "none"),
        ("sqlite3", "file"),
        ("sqlite3", "message"),
    ],
)
def test_reads_images_poses_and_camera(bags, storage, compression):
    messages = bags.drive()
    frames = read(bags.write(messages, storage, compression))
    assert [frame.stamp_ns for frame in frames] == [START_NS + i * STEP_NS for i in range(6)]
    raw = np.frombuffer(messages[1][3][-60 * 80 * 3 :], np.uint8).reshape(60, 80, 3)
    assert np.array_equal(frames[0].image, raw)
    assert frames[2].pose.position == pytest.approx((2.0, 2.0, 0.0))
    assert frames[2].pose.frame_id == "odom"
    assert frames[5].pose is None, "the last pose lies before the last image"
    assert frames[0].camera.intrinsics[0] == 100.0
    assert frames[0].name == "/cam/image"


OPTICAL = (-0.5, 0.5, -0.5, 0.5)


def robot(bags, *, frame="camera", orientation=OPTICAL):
    """What robot_state_publisher says of a camera 1.2 m up that looks ahead."""
    link = ("base_link", "mast", (0.0, 0.0, 1.0), (0.0, 0.0, 0.0, 1.0))
    optical = ("mast", frame, (0.0, 0.0, 0.2), orientation)
    return bags.transforms("/tf_static", START_NS, link, optical)


def test_a_camera_sits_where_the_fixed_frames_say(bags):
    frame = read(bags.write([*bags.drive(1), robot(bags)]))[0]
    assert frame.camera.frame_id == "camera"
    assert frame.camera.intrinsics[0] == 100.0
    assert frame.camera.mount.position == pytest.approx((0.0, 0.0, 1.2))
    written = parse_mount("0 0 1.2 0 0 0")
    assert frame.camera.mount.orientation == pytest.approx(written.orientation)
    assert frame.camera.mount.frame_id == written.frame_id


def test_a_camera_that_no_chain_joins_to_the_base_has_no_mount(bags):
    told = []
    for messages in ([], [robot(bags, frame="other")], [robot(bags, orientation=(0.0,) * 4)]):
        frame = read(bags.write([*bags.drive(1), *messages]), on_error=told.append)[0]
        assert (frame.camera.frame_id, frame.camera.mount) == ("camera", None)
    (error,) = told
    assert "/tf_static at" in str(error)
    assert "zero quaternion" in str(error)


def test_compressed_images_come_out_alike(bags):
    raw, jpeg = (read(bags.write(bags.drive(2, kind))) for kind in ("raw", "jpeg"))
    difference = raw[0].image.astype(int) - jpeg[0].image.astype(int)
    assert np.abs(difference).mean() < 20, "a swap of the colors would be far worse"


def test_pose_after_its_image_is_still_used(bags):
    messages = [
        bags.raw("/image", START_NS, np.zeros((4, 4, 3), np.uint8)),
        bags.odometry("/odom", START_NS - STEP_NS, 1.0),
        bags.odometry("/odom", START_NS + STEP_NS, 3.0),
    ]
    times = [START_NS, START_NS + 10 * STEP_NS, START_NS + 11 * STEP_NS]
    (frame,) = read(bags.write(messages, log_times=times))
    assert frame.pose.position[0] == pytest.approx(2.0)


def test_poses_out_of_order_are_sorted(bags):
    image = np.zeros((4, 4, 3), np.uint8)
    messages = [
        bags.odometry("/odom", START_NS, 0.0),
        bags.odometry("/odom", START_NS + 2 * STEP_NS, 2.0),
        bags.odometry("/odom", START_NS + STEP_NS, 1.0),
        bags.raw("/image", START_NS + STEP_NS // 2, image),
    ]
    path = bags.write(messages, log_times=[START_NS + index for index in range(4)])
    (frame,) = read(path)
    assert frame.pose.position[0] == pytest.approx(0.5)


def test_log_time_stands_in_for_an_empty_stamp(bags):
    image = bags.raw("/image", 0, np.zeros((4, 4, 3), np.uint8))
    (frame,) = read(bags.write([image], log_times=[START_NS]))
    assert frame.stamp_ns == START_NS


def test_bad_frames_are_told_and_skipped(bags):
    messages = bags.drive(6, "jpeg")
    messages[5] = bags.jpeg("/cam/image", START_NS + 2 * STEP_NS, np.ones((60, 80, 3)), cut=50)
    messages[7] = ("/cam/image", messages[7][1], START_NS + 3 * STEP_NS, b"\0\1\0\0rubbish")
    told = []
    frames = read(bags.write(messages), on_error=told.append)
    stamps = [(frame.stamp_ns - START_NS) // STEP_NS for frame in frames]
    assert stamps == [0, 1, 4, 5]
    assert isinstance(told[0], ImageError)
    assert "/cam/image at 1700000000400000000 ns: JPEG" in str(told[0])
    assert "not a sensor_msgs/msg/CompressedImage" in str(told[1])
    assert len(told) == 2


def test_nan_poses_are_told_and_skipped(bags):
    messages = bags.drive()
    messages[4] = bags.odometry("/odom", messages[4][2], math.nan)
    told = []
    frames = read(bags.write(messages), on_error=told.append)
    assert len(frames) == 6
    assert frames[1].pose.position[0] == pytest.approx(1.0), "bridged by its neighbors"
    assert [type(error) for error in told] == [PoseError]
    assert "/odom at" in str(told[0])


def test_without_poses(bags):
    path = bags.write([each for each in bags.drive() if each[0] != "/odom"])
    assert all(frame.pose is None for frame in read(path))
    assert all(frame.pose is None for frame in read(bags.write(bags.drive()), pose_topic=None))


@pytest.mark.parametrize("kind", ["pose", "pose_with_covariance"])
def test_other_pose_types(bags, kind):
    messages = [each for each in bags.drive() if each[0] != "/odom"]
    messages += [getattr(bags, kind)("/where", START_NS + i * STEP_NS, float(i)) for i in range(3)]
    frames = read(bags.write(messages))
    assert frames[1].pose.position[0] == 1.0
    assert frames[1].pose.frame_id == "map"


def test_odometry_comes_first_and_truth_is_not_used(bags):
    messages = bags.drive()
    messages += [bags.pose("/where", START_NS, 0.0), bags.odometry("/ground_truth/a", START_NS, 0)]
    with BagReader(bags.write(messages)) as bag:
        assert bag.pose_topic().name == "/odom"
        assert bag.pose_topic("/ground_truth/a").count == 1
    messages = [each for each in messages if each[0] not in ("/odom", "/where")]
    with BagReader(bags.write(messages)) as bag:
        assert bag.pose_topic() is None


def test_several_topics_are_listed_with_the_option(bags):
    image = np.zeros((4, 4, 3), np.uint8)
    messages = [*bags.drive(), bags.raw("/rear", START_NS, image), bags.odometry("/o", START_NS, 0)]
    with BagReader(bags.write(messages)) as bag:
        with pytest.raises(DatasetError, match=r"bag0: several.*/cam/image.*/rear.*--image-topic"):
            bag.frames()
        with pytest.raises(DatasetError, match=r"several pose topics: .*/o .*--pose-topic"):
            bag.frames("/rear")
        assert bag.image_topic("/rear").count == 1
        assert len(list(bag.frames("rear", "/o"))) == 1


def test_wrong_topics_are_refused(bags):
    with BagReader(bags.write(bags.drive())) as bag:
        with pytest.raises(DatasetError, match=r"no topic /left; .* /cam/image \(6 of"):
            bag.frames("/left")
        with pytest.raises(DatasetError, match=r"/odom is a nav_msgs/msg/Odometry, not one of"):
            bag.frames("/odom")
        with pytest.raises(DatasetError, match=r"/cam/image is a sensor_msgs/msg/Image"):
            bag.trajectory("/cam/image")
    with (
        BagReader(bags.write([bags.pose("/where", 1, 0.0)])) as bag,
        pytest.raises(DatasetError, match=r"no image topic; the bag holds /where"),
    ):
        bag.frames()


def test_trajectory(bags):
    messages = [bags.pose("/truth", START_NS + i, float(i)) for i in range(3)]
    with BagReader(bags.write(messages)) as bag:
        track = bag.trajectory("/truth")
    assert [(stamp - START_NS, pose.position[0]) for stamp, pose in track] == [
        (0, 0),
        (1, 1),
        (2, 2),
    ]


def test_topics(bags):
    with BagReader(bags.write(bags.drive())) as bag:
        assert bag.topics["/odom"] == Topic("/odom", "nav_msgs/msg/Odometry", 6)


@pytest.mark.parametrize(
    ("image_topic", "camera_topic"),
    [
        ("/cam/image_raw", "/cam/camera_info"),
        ("/cam/image_raw/compressed", "/cam/camera_info"),
        ("/cam/compressed", "/cam/camera_info"),
        ("/image", "/camera_info"),
    ],
)
def test_camera_topic(image_topic, camera_topic):
    topic = Topic(camera_topic, "sensor_msgs/msg/CameraInfo", 1)
    other = Topic("/other/camera_info", "sensor_msgs/msg/CameraInfo", 1)
    topics = {each.name: each for each in (other, topic)}
    assert find_camera_topic(topics, image_topic) is topic
    assert find_camera_topic(topics, "/elsewhere/image") is None


def test_of_an_uncalibrated_camera_only_the_frame_is_known(bags):
    messages = bags.drive(1)
    messages[0] = bags.camera("/cam/camera_info", START_NS, focal=0.0)
    (frame,) = read(bags.write(messages))
    assert frame.camera == Camera(frame_id="camera")


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
def test_storage_file_without_its_metadata(bags, storage):
    path = bags.write(bags.drive(), storage)
    (path / "metadata.yaml").unlink()
    assert is_bag(path)
    assert len(read(path)) == 6
    (file,) = path.iterdir()
    assert len(read(file)) == 6


def test_bag_without_definitions(bags):
    path = bags.write(bags.drive(), "sqlite3")
    with sqlite3.connect(next(path.glob("*.db3"))) as database:
        database.execute("DELETE FROM message_definitions")
    assert len(read(path)) == 6


def test_missing_and_foreign_files(bags, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "old.bag").write_bytes(b"#ROSBAG V2.0\n")
    (tmp_path / "no.mcap").write_bytes(b"hello, hello, hello, hello, hello, hello, hello")
    for name, said in (
        ("nowhere", "no such file"),
        ("empty", "0 storage files and no metadata.yaml"),
        ("notes.txt", "not a rosbag2"),
        ("old.bag", "rosbags-convert"),
        ("no.mcap", "not a rosbag2, or damaged"),
    ):
        with pytest.raises(DatasetError, match=said) as raised:
            BagReader(tmp_path / name)
        assert name in str(raised.value)


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
@pytest.mark.parametrize("kept", [0, 10, 4000, 0.5, 0.99])
def test_truncated_bag(bags, storage, kept):
    path = bags.write(bags.drive(), storage)
    file = next(each for each in path.iterdir() if each.suffix != ".yaml")
    whole = file.read_bytes()
    file.write_bytes(whole[: kept if isinstance(kept, int) else int(len(whole) * kept)])
    with pytest.raises(DatasetError, match="bag0"):
        read(path)


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
@pytest.mark.parametrize("seed", range(8))
def test_scrambled_bag_never_raises_anything_else(bags, storage, seed):
    path = bags.write(bags.drive(3), storage)
    file = next(each for each in path.iterdir() if each.suffix != ".yaml")
    data = np.frombuffer(file.read_bytes(), np.uint8).copy()
    random = np.random.default_rng(seed)
    data[random.integers(len(data), size=200)] = random.integers(0, 255, 200)
    file.write_bytes(data.tobytes())
    with suppress(DatasetError):  # many a flipped byte does no harm
        read(path, "/cam/image", "/odom", on_error=lambda error: None)


@pytest.mark.parametrize("text", ["", "[", "a: 1", "rosbag2_bagfile_information: {version: 99}"])
def test_damaged_metadata(bags, text):
    path = bags.write(bags.drive())
    (path / "metadata.yaml").write_text(text)
    with pytest.raises(DatasetError, match="bag0"):
        BagReader(path)


def test_closed_bag(bags):
    with BagReader(bags.write(bags.drive())) as bag:
        frames = bag.frames()
    bag.close()
    with pytest.raises(DatasetError, match="closed"):
        next(frames)


IDL_RULE = "=" * 80 + "\n"
IDL = (
    f"{IDL_RULE}IDL: sensor_msgs/msg/CompressedImage\n"
    "module sensor_msgs { module msg { struct CompressedImage {"
    " std_msgs::msg::Header header; string format; sequence<uint8> data; }; }; };\n"
    f"{IDL_RULE}IDL: std_msgs/msg/Header\n"
    "module std_msgs { module msg { struct Header {"
    " builtin_interfaces::msg::Time stamp; string frame_id; }; }; };\n"
    f"{IDL_RULE}IDL: builtin_interfaces/msg/Time\n"
    "module builtin_interfaces { module msg { struct Time {"
    " int32 sec; uint32 nanosec; }; }; };\n"
)


def test_definitions_as_idl(bags):
    messages = [each for each in bags.drive(2, "jpeg") if each[0] == "/cam/image"]
    path = bags.write(messages, "sqlite3")
    with sqlite3.connect(next(path.glob("*.db3"))) as database:
        database.execute(
            "UPDATE message_definitions SET encoding = 'ros2idl', encoded_message_definition = ?",
            [IDL],
        )
    assert len(read(path)) == 2


def test_definition_that_does_not_parse_is_told(bags):
    path = bags.write(bags.drive(), "sqlite3")
    with sqlite3.connect(next(path.glob("*.db3"))) as database:
        database.execute(
            "UPDATE message_definitions SET encoded_message_definition = 'rubbish!' "
            "WHERE topic_type = 'nav_msgs/msg/Odometry'"
        )
    with pytest.raises(DatasetError, match="bag0"):
        read(path)
    assert len(read(path, pose_topic=None)) == 6, "what is not read need not parse"


@pytest.mark.parametrize("kind", ["raw", "jpeg"])
def test_frames_are_the_same_though_no_image_is_decoded(bags, monkeypatch, kind):
    with BagReader(bags.write(bags.drive(kind=kind))) as reader:
        frames = [replace(frame, image=None) for frame in reader.frames()]
        monkeypatch.setattr("vpr_ros.drives.bag_reader.image_of", None)
        assert list(reader.undecoded()) == frames
        assert [frame.pose for frame in reader.undecoded(pose_topic=None)] == [None] * 6
