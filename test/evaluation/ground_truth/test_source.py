# SPDX-License-Identifier: Apache-2.0
"""Where the truth about a bag comes from: topics, frames, files, and the only one that fits."""

import math

import pytest

from vpr_ros.drives.bag_file import BagFile
from vpr_ros.errors import DatasetError
from vpr_ros.evaluation.ground_truth.source import TruthReader

START_NS = 1_700_000_000 * 10**9
SECOND = 10**9
AHEAD = (0.0, 0.0, 0.0, 1.0)


def read(path, source="", stamps=(START_NS, START_NS + SECOND), reader=None):
    bag = BagFile(path)
    try:
        return (reader or TruthReader()).read(bag, source, stamps)
    finally:
        bag.close()


def test_the_topic_called_ground_truth_goes_first(bags):
    messages = [
        bags.odometry("/odom", START_NS, 1.0),
        bags.pose("/ground_truth/pose", START_NS, 5.0),
        bags.fix("/fix", START_NS, 48.0, 11.0),
    ]
    path = bags.write(messages)
    assert read(path)[0][1].position[0] == 5.0
    assert read(path, "/odom")[0][1].position[0] == 1.0
    assert read(path, "odom")[0][1].frame_id == "odom"
    assert read(bags.write(messages[::2]))[0][1].frame_id == "east_north"
    assert read(bags.write(messages[:1]))[0][1].frame_id == "odom"


def test_fixes_of_two_bags_share_their_origin(bags):
    near, far = (
        bags.write([bags.fix("/fix", START_NS + n * SECOND, latitude, 11.0) for n in range(2)])
        for latitude in (48.0, 48.001)
    )
    reader = TruthReader()
    assert read(near, reader=reader)[0][1].position == pytest.approx((0.0, 0.0, 0.0))
    assert read(far, reader=reader)[0][1].position[1] == pytest.approx(111.2, abs=0.1)


def test_fixes_without_a_position_are_left_out(bags):
    messages = [
        bags.fix("/fix", START_NS, 0.0, 0.0, status=-1),
        bags.fix("/fix", START_NS + 1, 95.0, 0.0),
        bags.fix("/fix", START_NS + 2, 48.0, 11.0),
    ]
    assert [stamp for stamp, _ in read(bags.write(messages))] == [START_NS + 2]
    with pytest.raises(DatasetError, match="/fix: the receiver never had a fix"):
        read(bags.write(messages[:1]))


def test_frames_of_the_bag(bags):
    messages = [bags.transforms("/tf_static", START_NS, ("base", "camera", (1.0, 0, 0), AHEAD))]
    for n in range(3):
        moved = ("map", "base", (float(n), 0.0, 0.0), AHEAD)
        messages.append(bags.transforms("/tf", START_NS + n * SECOND, moved))
    broken = ("map", "base", (math.nan, 0.0, 0.0), AHEAD)
    messages.append(bags.transforms("/tf", START_NS + 3 * SECOND, broken))
    track = read(bags.write(messages), "tf:map:camera")
    assert [pose.position[0] for _, pose in track] == [1.0, 2.0, 3.0]


def test_files(bags, tmp_path):
    path = bags.write(bags.drive(2))
    tum, kitti, times = (tmp_path / name for name in ("tum.txt", "kitti.txt", "times.txt"))
    tum.write_text("1700000000 7 0 0 0 0 0 1")
    assert read(path, f"tum:{tum}")[0][1].position[0] == 7.0
    kitti.write_text("1 0 0 0 0 1 0 0 0 0 1 0\n1 0 0 0 0 1 0 0 0 0 1 9\n")
    assert [stamp for stamp, _ in read(path, f"kitti:{kitti}")] == [START_NS, START_NS + SECOND]
    times.write_text("0\n0.5\n")
    track = read(path, f"kitti:{kitti}:{times}")
    assert [stamp for stamp, _ in track] == [START_NS, START_NS + SECOND // 2]
    with pytest.raises(DatasetError, match="2 poses for 1 stamps"):
        read(path, f"kitti:{kitti}", stamps=[0])


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("/nowhere", r"no topic /nowhere; the bag holds /cam/camera_info"),
        ("/cam/image", "is a sensor_msgs/msg/Image, not one of nav_msgs"),
        ("tf:map:base", "needs tf:TARGET:SOURCE and a topic of tf2_msgs/msg/TFMessage"),
        ("tum:nowhere.txt", "nowhere.txt: No such file"),
    ],
)
def test_what_is_not_there(bags, source, said):
    path = bags.write(bags.drive(1))
    with pytest.raises(DatasetError, match=said) as caught:
        read(path, source)
    assert str(path) in str(caught.value)


def test_no_truth_or_several(bags):
    image = bags.drive(1)[1]
    with pytest.raises(DatasetError, match="no poses to judge by; the bag holds /cam/image"):
        read(bags.write([image]))
    both = [bags.pose("/a", START_NS, 0.0), bags.pose("/b", START_NS, 0.0)]
    with pytest.raises(DatasetError, match="several topics may be the truth: /a"):
        read(bags.write(both))
    broken = bags.write([bags.pose("/a", START_NS, math.nan)])
    with pytest.raises(DatasetError, match="no poses in its ground truth"):
        read(broken)
