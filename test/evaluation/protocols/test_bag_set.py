# SPDX-License-Identifier: Apache-2.0
"""Bags as queries and database: every storage, by index, two drives or one against itself."""

import math

import cv2
import numpy as np
import pytest

from vpr_ros.errors import DatasetError, ImageError
from vpr_ros.evaluation.protocols import read_set
from vpr_ros.evaluation.protocols.bag_set import BagOptions, read_bag_set

START_NS = 1_700_000_000 * 10**9
SECOND = 10**9
STORAGES = [
    ("mcap", "none"),
    ("mcap", "storage"),
    ("mcap", "message"),
    ("sqlite3", "none"),
    ("sqlite3", "file"),
    ("sqlite3", "message"),
]


def drive(bags, xs, start_ns=START_NS, kind="raw", topic="/ground_truth/pose"):
    """One image a second, each of a color of its own, with its true pose."""
    messages = []
    for number, x in enumerate(xs):
        stamp_ns = start_ns + number * SECOND
        image = np.full((4, 6, 3), 10 * number % 256, np.uint8)
        messages.append(getattr(bags, kind)("/image", stamp_ns, image))
        messages.append(bags.pose(topic, stamp_ns, float(x)))
    return messages


@pytest.mark.parametrize("kind", ["raw", "jpeg"])
@pytest.mark.parametrize(("storage", "compression"), STORAGES)
def test_images_by_index_from_every_storage(bags, storage, compression, kind):
    path = bags.write(drive(bags, range(0, 400, 10), kind=kind), storage, compression)
    data = read_bag_set(path, path)
    for index in (*range(4), 39, 0, 2, 35, 34, 3):
        expected = 10 * index % 256
        assert np.abs(data.database.read(index).astype(int) - expected).max() <= 2
    assert data.database.names[3] == str(START_NS + 3 * SECOND)
    data.database.close()
    assert data.database.read(1)[0, 0, 0] in range(8, 13)


def test_two_drives(bags):
    database = bags.write(drive(bags, [0, 20, 40, 60]))
    queries = bags.write(drive(bags, [41, 500, 19], START_NS + 100 * SECOND))
    data = read_bag_set(database, queries, BagOptions(max_distance=5.0))
    (relevance,) = data.relevance.values()
    assert list(data.relevance) == ["5 m, 40 deg"]
    assert [each.tolist() for each in relevance.positives] == [[2], [], [1]]
    assert relevance.ignored == ()
    assert not relevance.counts_unmatched, "a query off the map is no miss"
    assert data.query_poses[0].position[0] == 41.0
    assert data.sequence_of.tolist() == [0, 0, 0]


def test_a_drive_that_comes_back(bags):
    path = bags.write(drive(bags, [0, 10, 20, 30, 20, 10, 0, 0, 0]))
    options = BagOptions(max_distance=1.0, recent_s=1.0, recent_distance=25.0)
    data = read_bag_set(path, options=options)
    (relevance,) = data.relevance.values()
    found = [each.tolist() for each in relevance.positives]
    assert found == [[], [], [], [], [], [1], [0], [0], [0]]
    assert relevance.ignored[5].tolist() == [3, 4, 5, 6, 7, 8], "20 m behind, itself, and later"
    by_time = BagOptions(max_distance=1.0, recent_s=4.5, recent_distance=0.0)
    (relevance,) = read_bag_set(path, options=by_time).relevance.values()
    assert [each.tolist() for each in relevance.positives][5:] == [[], [0], [0], [0]]
    assert relevance.ignored[8].tolist() == [4, 5, 6, 7, 8]


def test_images_without_truth_are_left_out(bags, caplog):
    messages = drive(bags, [0, 10, 20, 30])
    del messages[1]
    data = read_bag_set(bags.write(messages), bags.write(drive(bags, [10])))
    assert len(data.database.names) == 3
    assert data.database.read(0)[0, 0, 0] == 10
    assert "1 of 4 images are left out: no truth" in caplog.text


def test_a_longer_interval_takes_fewer_images(bags):
    path = bags.write(drive(bags, range(40)))
    data = read_bag_set(path, path, BagOptions(min_interval=3.0))
    assert len(data.database.names) == 14
    assert data.database.read(13)[0, 0, 0] == 390 % 256
    assert data.database.read(1)[0, 0, 0] == 30


def test_images_of_one_time_and_out_of_order(bags):
    messages = drive(bags, [0, 1, 2, 3])
    times = [START_NS + n for n in (0, 0, 5, 5, 5, 5, 2, 2)]
    path = bags.write(messages, log_times=times)
    data = read_bag_set(path, path)
    shown = [int(data.database.read(index)[0, 0, 0]) for index in (0, 1, 2, 3, 1, 3, 0)]
    assert shown == [0, 10, 20, 30, 10, 30, 0]


def test_one_stamp_for_two_images(bags):
    messages = drive(bags, [0, 1])
    messages.append(bags.raw("/image", START_NS, np.full((4, 6, 3), 99, np.uint8)))
    data = read_bag_set(path := bags.write(messages), path)
    assert sorted(data.database.names)[:2] == [str(START_NS), f"{START_NS}#2"]


def test_a_damaged_image_is_told_when_it_is_read(bags):
    messages = drive(bags, [0, 1, 2], kind="jpeg")
    image = np.random.default_rng(0).integers(0, 255, (40, 60, 3)).astype(np.uint8)
    messages[2] = bags.jpeg("/image", START_NS + SECOND, image, cut=50)
    data = read_bag_set(path := bags.write(messages), path)
    with pytest.raises(ImageError, match=rf"/image at {START_NS + SECOND} ns: JPEG"):
        data.database.read(1)
    assert data.database.read(2).shape == (4, 6, 3)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (BagOptions(image_topic="/rear"), "no topic /rear; the bag holds /ground_truth/pose"),
        (BagOptions(truth="/odom"), "no topic /odom; the bag holds"),
        (BagOptions(min_interval=-1.0), "min_interval = -1.0: must be 0 or more"),
        (BagOptions(max_distance=-1.0), "distance = -1.0"),
        (BagOptions(max_angle=math.inf), "angle = inf"),
    ],
)
def test_bad_options(bags, options, said):
    path = bags.write(drive(bags, [0, 1]))
    with pytest.raises(DatasetError, match=said):
        read_bag_set(path, path, options)


def test_what_cannot_be_evaluated(bags):
    good = bags.write(drive(bags, [0, 1]))
    empty = bags.write([bags.pose("/ground_truth/pose", START_NS, 0.0)])
    with pytest.raises(DatasetError, match=r"no image topic; the bag holds /ground_truth/pose"):
        read_bag_set(good, empty)
    late = drive(bags, [0, 1])
    late[1::2] = [bags.pose("/ground_truth/pose", START_NS + 900 * SECOND, 0.0)] * 2
    with pytest.raises(
        DatasetError, match=r"truth covers 1700000900.000..1700000900.000 s, images"
    ):
        read_bag_set(good, bags.write(late))
    far = bags.write(drive(bags, [5000]))
    with pytest.raises(DatasetError, match="no query has a database image within 25 m, 40 deg"):
        read_bag_set(good, far)
    other = bags.write([*drive(bags, [0]), bags.odometry("/odom", START_NS, 0.0)])
    with pytest.raises(
        DatasetError, match="queries is given in frame 'odom', that of the database"
    ):
        read_bag_set(good, other, BagOptions(query_truth="/odom"))
    with pytest.raises(DatasetError, match="no such file"):
        read_bag_set(good, good / "nowhere")


def test_bag_and_folder_say_the_same(bags, tmp_path):
    xs = list(range(0, 60, 3))
    messages = drive(bags, xs)
    path = bags.write(messages)
    from_bag = read_bag_set(path, path, BagOptions(max_distance=4.0))
    lines = ["image,x,y,z,qx,qy,qz,qw"]
    for index, pose in enumerate(from_bag.query_poses):
        name = f"{from_bag.queries.names[index]}.png"
        lines.append(",".join([name, *map(repr, (*pose.position, *pose.orientation))]))
    for side in ("database", "queries"):
        (tmp_path / side).mkdir()
        (tmp_path / side / "poses.csv").write_text("\n".join(lines))
        for index, name in enumerate(from_bag.queries.names):
            image = from_bag.queries.read(index)[..., ::-1]
            cv2.imwrite(str(tmp_path / side / f"{name}.png"), image)
    from_folder = read_set("poses", tmp_path, distance=4.0)
    found = [
        [each.tolist() for each in data.relevance["4 m, 40 deg"].positives]
        for data in (from_bag, from_folder)
    ]
    assert found[0] == found[1]
    assert from_bag.sequence_of.tolist() == from_folder.sequence_of.tolist()
    pairs = ((from_bag.database.read(n), from_folder.database.read(n)) for n in range(len(xs)))
    assert all(np.array_equal(left, right) for left, right in pairs)
