# SPDX-License-Identifier: Apache-2.0
import math
import threading
from dataclasses import replace

import numpy as np
import pytest
from map_samples import CAMERA, REAL_SPEC, SPEC, assert_same, make_keyframe, number_of

from vpr_ros.calibration_curve import Calibration, CalibrationRecord, Tail
from vpr_ros.datatypes import Camera, KeyframeKey, Pose
from vpr_ros.errors import MapError
from vpr_ros.place_map import CorrectedPoses, PlaceMap, SessionInfo
from vpr_ros.place_map import place_map as place_map_module

CALIBRATION = CalibrationRecord(
    Calibration((Tail(8.0, 0.5, 2.0),), 0.5), 4, "settings", 1, (30.0,), (8.0,), (), 0
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "street.vprmap"


def fill(place_map, numbers):
    ids = [place_map.append(make_keyframe(number)) for number in numbers]
    place_map.commit()
    return ids


def descriptor(number):
    return make_keyframe(number).features.global_descriptor


def key(place_map, number):
    return KeyframeKey(place_map.uuid, number)


def keys(place_map, *numbers):
    return [key(place_map, number) for number in numbers]


def numbers(place_map):
    return [number_of(record) for record in place_map.table.records()]


def test_everything_comes_back(path):
    with PlaceMap.create(path, SPEC) as place_map:
        name = place_map.begin_session("first lap")
        ids = fill(place_map, range(20))
    assert [file.name for file in path.parent.iterdir()] == ["street.vprmap"]
    with PlaceMap.open(path, SPEC) as place_map:
        assert len(place_map) == 20
        for number, keyframe_id in enumerate(ids):
            expected = make_keyframe(number)
            record = place_map.record(keyframe_id)
            assert (record.key, record.session) == (keyframe_id, name)
            assert (record.stamp_ns, record.pose) == (expected.stamp_ns, expected.pose)
            assert place_map.thumbnail(keyframe_id) == expected.thumbnail_jpeg
            assert place_map.camera_of(keyframe_id) == CAMERA
            assert_same(place_map.features_of([keyframe_id])[0], expected.features)


def test_what_is_not_known_stays_unknown(path):
    with PlaceMap.create(path, SPEC) as place_map:
        bare = replace(make_keyframe(1, pose=False, points=0), camera=None, thumbnail_jpeg=b"")
        place_map.append(bare)
        place_map.commit()
    with PlaceMap.open(path, SPEC) as place_map:
        assert place_map.record(key(place_map, 1)).pose is None
        assert place_map.camera_of(key(place_map, 1)) is None
        assert place_map.thumbnail(key(place_map, 1)) == b""
        assert place_map.features_of(keys(place_map, 1))[0].local.descriptors.shape == (
            0,
            SPEC.local_dim,
        )


def test_a_camera_keeps_its_place_on_the_robot(path):
    mount = Pose((0.4, -0.1, 1.0), (0.0, 0.0, 1.0, 0.0), "base")
    cameras = [replace(CAMERA, mount=mount), CAMERA, Camera(mount=mount, name="rear")]
    with PlaceMap.create(path, SPEC) as place_map:
        for number, camera in enumerate(cameras):
            place_map.append(replace(make_keyframe(number), camera=camera))
        place_map.commit()
    with PlaceMap.open(path) as place_map:
        assert [place_map.camera_of(key(place_map, number)) for number in (1, 2, 3)] == cameras
        assert [record.camera for record in place_map.table.records()] == ["", "", "rear"]


def test_appended_is_found_at_once(path):
    with PlaceMap.create(path, SPEC) as place_map:
        assert len(place_map.search(descriptor(0), 5)) == 0
        for number in range(10):
            keyframe_id = place_map.append(make_keyframe(number))
            found = place_map.search(descriptor(number), 3)
            assert found.keys[0] == keyframe_id
            assert found.similarities[0] == pytest.approx(1.0)
            assert_same(place_map.features_of([keyframe_id])[0], make_keyframe(number).features)


def test_search_is_the_same_after_opening(path):
    with PlaceMap.create(path, SPEC) as place_map:
        fill(place_map, range(300))  # more than one batch of reading
        before = place_map.search(descriptor(7), 400, exclude=keys(place_map, 8, 5000))
    with PlaceMap.open(path, SPEC) as place_map:
        assert place_map.search(descriptor(7), 400, exclude=keys(place_map, 8, 5000)) == before
    assert len(before) == 299


def test_closing_drops_what_is_not_committed(path):
    with PlaceMap.create(path, SPEC) as place_map:
        fill(place_map, [0, 1])
        place_map.append(make_keyframe(2))
    with PlaceMap.open(path, SPEC) as place_map:
        assert numbers(place_map) == [0, 1]


def test_sessions_have_names_of_their_own(path):
    with PlaceMap.create(path, SPEC) as place_map:
        fill(place_map, [0])  # begins one by itself
        assert place_map.begin_session("lap") == "lap"
        fill(place_map, [2, 1])
        assert place_map.begin_session("lap") == "lap-2"
    with PlaceMap.open_or_create(path, SPEC) as place_map:
        assert place_map.begin_session("lap") == "lap-2"  # had no keyframes, was not kept
        assert place_map.begin_session() == "session-2"
        fill(place_map, [3])
        start = make_keyframe(0).stamp_ns
        assert place_map.info().sessions == (
            SessionInfo("session-1", 1, start, start),
            SessionInfo("lap", 2, start + 1, start + 2),
            SessionInfo("session-2", 1, start + 3, start + 3),
        )


def test_info(path):
    with PlaceMap.create(path, SPEC, codec="float32") as place_map:
        place_map.append(make_keyframe(0, pose=False))
        fill(place_map, [1, 2])
    with PlaceMap.open(path) as place_map:
        info = place_map.info()
        assert (info.spec, info.space, info.uuid) == (SPEC, SPEC.space, place_map.uuid)
        assert (info.keyframes, info.keyframes_with_pose, info.codec) == (3, 2, "float32")
        assert (info.path, info.size_bytes) == (path, path.stat().st_size)


def test_only_looking_reads_but_does_not_search(path):
    with PlaceMap.create(path, SPEC) as place_map:
        fill(place_map, [0])
    with PlaceMap.open(path) as place_map:
        assert_same(place_map.features_of(keys(place_map, 1))[0], make_keyframe(0).features)
        with pytest.raises(MapError, match="opened only to look"):
            place_map.search(descriptor(0), 1)


def test_codec_may_change_between_sessions(path):
    with PlaceMap.create(path, SPEC, codec="float16") as place_map:
        fill(place_map, [0])
    with PlaceMap.open_or_create(path, SPEC, codec="float32") as place_map:
        fill(place_map, [1])
    with PlaceMap.open(path, SPEC) as place_map:
        assert place_map.info().codec == "float32"
        half, full = place_map.features_of(keys(place_map, 1, 2))
        assert_same(half, make_keyframe(0).features)
        assert_same(full, make_keyframe(1).features, tolerance=0)


def test_features_come_in_the_order_asked(path):
    with PlaceMap.create(path, SPEC) as place_map:
        fill(place_map, range(5))
        for features, number in zip(
            place_map.features_of(keys(place_map, 4, 1, 1, 3)), [3, 0, 0, 2], strict=True
        ):
            assert_same(features, make_keyframe(number).features)


def test_features_in_memory_are_bounded_and_protected(path, monkeypatch):
    monkeypatch.setattr(place_map_module, "CACHE_BYTES", 1000)
    with PlaceMap.create(path, SPEC) as place_map:
        ids = fill(place_map, range(50))
        for _ in range(2):
            for features, number in zip(place_map.features_of(ids), range(50), strict=True):
                assert_same(features, make_keyframe(number).features)
        assert 0 < place_map._cache.size_bytes <= 1000
        with pytest.raises(ValueError, match="read-only"):
            features.local.descriptors[0] = 0


def test_who_appended_and_who_reads_see_the_same_to_the_last_bit(path):
    with PlaceMap.create(path, SPEC) as place_map:
        ids = fill(place_map, range(3))
        appended = place_map.features_of(ids)
        place_map.commit()
        with PlaceMap.open(path, SPEC) as reader:
            for one, other in zip(appended, reader.features_of(ids), strict=True):
                assert_same(one, other, tolerance=0)


def test_unknown_keyframe_is_named(path):
    with PlaceMap.create(path, SPEC) as place_map:
        fill(place_map, [0])
        for ask in (place_map.record, place_map.thumbnail, place_map.camera_of):
            with pytest.raises(MapError, match="no keyframe 77"):
                ask(key(place_map, 77))
        with pytest.raises(MapError, match="no keyframe 77"):
            place_map.features_of(keys(place_map, 1, 77))


def with_global(values):
    keyframe = make_keyframe(0)
    return replace(keyframe, features=replace(keyframe.features, global_descriptor=values))


def with_local(**changes):
    keyframe = make_keyframe(0)
    local = replace(keyframe.features.local, **changes)
    return replace(keyframe, features=replace(keyframe.features, local=local))


def with_pose(**changes):
    keyframe = make_keyframe(0)
    return replace(keyframe, pose=replace(keyframe.pose, **changes))


@pytest.mark.parametrize(
    ("keyframe", "message"),
    [
        (with_global(np.full(16, np.nan, np.float32)), "global descriptor with NaN"),
        (with_global(np.zeros(17, np.float32)), r"shape \[17\]: test_method makes \[16\]"),
        (with_global(np.zeros((1, 16), np.float32)), r"shape \[1, 16\]"),
        (with_local(descriptors=np.full((5, 8), np.inf, np.float32)), "local descriptors with NaN"),
        (with_local(descriptors=np.zeros((5, 9), np.float32)), r"local descriptors of shape"),
        (with_local(descriptors=np.zeros((4, 8), np.float32)), r"local descriptors of shape"),
        (with_local(keypoints=np.zeros((5, 3), np.float32)), "keypoints of shape"),
        (with_local(scores=np.full(5, np.nan, np.float32)), "scores with NaN"),
        (with_local(image_size=(0, 480)), "0 x 480 pixels"),
        (with_local(descriptors=np.full((5, 8), 1e9, np.float32)), "use the codec float32"),
        (with_pose(position=(0.0, np.nan, 0.0)), "without a pose"),
        (with_pose(orientation=(0.0, 0.0, 1.0)), "7 finite numbers"),
        (with_pose(frame_id="\ud800"), "cannot be stored"),
        (replace(make_keyframe(0), stamp_ns=2**63), "does not fit 64 bits"),
    ],
)
def test_what_cannot_be_kept_is_refused(path, keyframe, message):
    with PlaceMap.create(path, SPEC) as place_map:
        fill(place_map, [1])
        with pytest.raises(MapError, match=message):
            place_map.append(keyframe)
        assert [number_of(each) for each in place_map.search(descriptor(1), 9).keyframes] == [1]
        fill(place_map, [2])
    with PlaceMap.open(path, SPEC) as place_map:
        assert numbers(place_map) == [1, 2]


@pytest.mark.parametrize("query", [np.zeros(4, np.float32), np.full(16, np.nan, np.float32)])
def test_what_cannot_be_searched_is_refused(path, query):
    with PlaceMap.create(path, SPEC) as place_map, pytest.raises(MapError, match="descriptor"):
        place_map.search(query, 1)


def test_numbers_of_numpy_are_numbers(path):
    with PlaceMap.create(path, SPEC) as place_map:
        keyframe = with_pose(position=np.array([1.0, 2.0, 3.0], np.float32))
        place_map.append(replace(keyframe, stamp_ns=np.int64(5)))
        place_map.commit()
        assert place_map.search(descriptor(0), 1).keyframes[0].stamp_ns == 5
    with PlaceMap.open(path, SPEC) as place_map:
        assert place_map.record(key(place_map, 1)).stamp_ns == 5
        assert place_map.record(key(place_map, 1)).pose.position == (1.0, 2.0, 3.0)


def test_readers_read_while_one_writes(path):
    with PlaceMap.create(path, SPEC) as writer:
        fill(writer, [0, 1])
        with PlaceMap.open(path, SPEC) as reader:
            fill(writer, range(2, 40))
            writer.append(make_keyframe(40))  # not committed
            assert numbers(reader) == [0, 1]
            assert_same(reader.features_of(keys(reader, 2))[0], make_keyframe(1).features)
            with PlaceMap.open(path, SPEC) as later:
                assert numbers(later) == list(range(40))
            with pytest.raises(MapError, match="opened for reading"):
                reader.append(make_keyframe(3))
            with pytest.raises(MapError, match="opened for reading"):
                reader.begin_session()
        writer.commit()
    assert [file.name for file in path.parent.iterdir()] == ["street.vprmap"]


def test_a_reader_that_outlives_the_writer_tidies_up(path):
    writer = PlaceMap.create(path, SPEC)
    fill(writer, [0, 1])
    with PlaceMap.open(path, SPEC) as reader:
        writer.close()
        assert_same(reader.features_of(keys(reader, 2))[0], make_keyframe(1).features)
    assert [file.name for file in path.parent.iterdir()] == ["street.vprmap"]


def test_another_thread_may_take_over(path):
    place_map = PlaceMap.create(path, SPEC)
    failures = []

    def work():
        try:
            fill(place_map, range(3))
            place_map.search(descriptor(1), 1)
            place_map.features_of(keys(place_map, 1, 2, 3))
        except Exception as error:
            failures.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    place_map.close()
    assert failures == []


def test_a_closed_map_says_so(path):
    place_map = PlaceMap.create(path, SPEC)
    place_map.close()
    place_map.close()
    for act in (lambda: place_map.append(make_keyframe(0)), place_map.commit):
        with pytest.raises(MapError, match="already closed"):
            act()


def test_save_copy(path):
    copy = path.with_name("copy.vprmap")
    with PlaceMap.create(path, SPEC) as place_map:
        fill(place_map, range(10))
        place_map.append(make_keyframe(10))
        place_map.save_copy(copy)
        fill(place_map, [11])
        with pytest.raises(MapError, match="already there"):
            place_map.save_copy(copy)
        with pytest.raises(MapError, match="already there"):
            place_map.save_copy(path.parent)
        with pytest.raises(MapError, match="folder does not exist"):
            place_map.save_copy(path.parent / "missing" / "copy.vprmap")
        with pytest.raises(MapError):
            place_map.save_copy(path)
    with PlaceMap.open(copy, SPEC) as reader:
        assert numbers(reader) == list(range(11))
        reader.save_copy(path.with_name("copy of copy.vprmap"))
    with PlaceMap.open_or_create(path.with_name("copy of copy.vprmap"), SPEC) as place_map:
        fill(place_map, [11])
        assert numbers(place_map) == list(range(12))
    names = sorted(file.name for file in path.parent.iterdir())
    assert names == ["copy of copy.vprmap", "copy.vprmap", "street.vprmap"]


def test_odd_names_are_fine(tmp_path):
    path = tmp_path / "a %3f?mode=ro#.vprmap"
    with PlaceMap.create(path, SPEC) as place_map:
        fill(place_map, [0])
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    link = tmp_path / "link.vprmap"
    link.symlink_to(path)
    with PlaceMap.open_or_create(link, SPEC) as place_map:
        fill(place_map, [1])
        with pytest.raises(MapError, match="another program"):
            PlaceMap.open(path, SPEC, writable=True)
    with PlaceMap.open(path, SPEC) as place_map:
        assert numbers(place_map) == [0, 1]


def test_real_descriptor_sizes(path):
    with PlaceMap.create(path, REAL_SPEC) as place_map:
        keyframe = make_keyframe(0, REAL_SPEC, points=600)
        place_map.append(keyframe)
        place_map.commit()
    with PlaceMap.open(path, REAL_SPEC) as place_map:
        assert_same(place_map.features_of(keys(place_map, 1))[0], keyframe.features)


def test_similarities_stand_in_the_order_of_the_records(path):
    with PlaceMap.create(path, SPEC) as place_map:
        fill(place_map, range(5))
        for number in range(5):
            query = make_keyframe(number, SPEC).features.global_descriptor
            similarities = place_map.similarities(query)
            found = place_map.search(query, 5)
            values = dict(zip(found.keys, found.similarities, strict=True))
            expected = [values[record.key] for record in place_map.table.records()]
            np.testing.assert_allclose(similarities, expected, rtol=1e-5)
        with pytest.raises(MapError):
            place_map.similarities(query[:-1])


def moved(x):
    return Pose((x, 1.0, 0.0), (0.0, 0.0, 0.0, 1.0), "map")


def corrected(place_map, poses):
    """Row -> pose as what a SLAM knows better."""
    values = [(*pose.position, *pose.orientation) for pose in poses.values()]
    frames = [pose.frame_id for pose in poses.values()]
    return place_map.correct_poses(CorrectedPoses(np.array([*poses]), np.array(values), frames))


def test_poses_are_corrected_at_once_and_for_good(path):
    with PlaceMap.create(path, SPEC) as place_map:
        fill(place_map, range(3))
        place_map.append(make_keyframe(3))  # not committed yet
        place_map.keep_calibration(CALIBRATION)
        assert corrected(place_map, {0: moved(7.0), 2: moved(9.0)}) == 2
        poses = [record.pose for record in place_map.table.records()]
        assert [poses[0], poses[2]] == [moved(7.0), moved(9.0)]
    with PlaceMap.open(path, SPEC) as place_map:
        assert [record.pose for record in place_map.table.records()] == poses
        assert place_map.calibration() is None  # it was made of other places


def nearly(pose, meters, radians):
    """The pose a little aside, turned a little, and its quaternion written the other way."""
    x, y, z = pose.position
    turned = (0.0, 0.0, -math.sin(radians / 2), -math.cos(radians / 2))
    return Pose((x + meters, y, z), turned, pose.frame_id)


def test_poses_that_are_what_they_were_change_nothing(path):
    with PlaceMap.create(path, SPEC) as place_map:
        fill(place_map, range(3))
        place_map.keep_calibration(CALIBRATION)
        before, size = place_map.table, place_map.info().size_bytes
        poses = [record.pose for record in before.records()]
        same = {0: poses[0], 1: nearly(poses[1], 5e-7, 5e-7), 2: poses[2]}
        assert corrected(place_map, same) == 0
        assert place_map.table is before
        assert (place_map.calibration(), place_map.info().size_bytes) == (CALIBRATION, size)
        assert corrected(place_map, {**same, 1: nearly(poses[1], 5e-6, 0.0)}) == 1
        assert corrected(place_map, {0: nearly(poses[0], 0.0, 5e-6)}) == 1
        assert corrected(place_map, {2: replace(poses[2], frame_id="odom")}) == 1
        assert place_map.calibration() is None


def test_poses_that_cannot_be_leave_all_as_they_were(path):
    with PlaceMap.create(path, SPEC) as place_map:
        fill(place_map, range(2))
        before = place_map.table.records()
        with pytest.raises(MapError, match="finite"):
            corrected(place_map, {0: moved(7.0), 1: moved(float("nan"))})
        assert place_map.table.records() == before


def test_a_reader_corrects_nothing(path):
    with PlaceMap.create(path, SPEC) as place_map:
        fill(place_map, range(2))
    with (
        PlaceMap.open(path, SPEC) as reader,
        pytest.raises(MapError, match="opened for reading"),
    ):
        corrected(reader, {0: moved(7.0)})


def test_keyframes_that_are_removed_are_gone_for_good(path):
    with PlaceMap.create(path, SPEC) as place_map:
        ids = fill(place_map, range(5))
        place_map.search(descriptor(1), 1)
        place_map.remove([ids[1], ids[4]])
        assert numbers(place_map) == [0, 2, 3]
        found = place_map.search(descriptor(1), 9)
        assert sorted(found.keys) == [ids[0], ids[2], ids[3]]
        for ask in (lambda: place_map.features_of([ids[1]]), lambda: place_map.remove([ids[1]])):
            with pytest.raises(MapError, match="no keyframe 2"):
                ask()
        place_map.commit()
    with PlaceMap.open(path, SPEC) as place_map:
        assert numbers(place_map) == [0, 2, 3]
        assert place_map.search(descriptor(1), 9) == found


def test_what_was_removed_comes_back_with_what_is_undone(path, monkeypatch):
    with PlaceMap.create(path, SPEC) as place_map:
        ids = fill(place_map, range(4))
        place_map.remove(ids[:2])
        place_map.append(make_keyframe(7))
        monkeypatch.setattr(place_map._database, "commit", no_space)
        with pytest.raises(MapError, match="undone since the last commit"):
            place_map.commit()
        assert numbers(place_map) == [0, 1, 2, 3]
        assert place_map.search(descriptor(0), 1).keys == [ids[0]]
        assert len(place_map.features_of(ids)) == 4


def no_space():
    raise MapError("no space left")


def test_every_map_has_a_name_of_its_own(path):
    with (
        PlaceMap.create(path, SPEC) as place_map,
        PlaceMap.create(path.with_name("other.vprmap"), SPEC) as other,
    ):
        name = place_map.uuid
        assert name != other.uuid
        assert place_map.append(make_keyframe(0)).map == name
        place_map.commit()
    path.rename(path.with_name("moved.vprmap"))
    with PlaceMap.open(path.with_name("moved.vprmap")) as place_map:
        assert place_map.uuid == name


def test_what_counts_for_nothing_is_written_again_once_it_was_undone(path, monkeypatch):
    grid = np.ones((15, 20), np.bool_)
    with PlaceMap.create(path, SPEC) as place_map:
        place_map.begin_session("tuesday")
        place_map.append(make_keyframe(90))
        place_map.leave_out("", grid)
        with monkeypatch.context() as broken:
            broken.setattr(place_map._database, "commit", no_space)
            with pytest.raises(MapError, match="undone since the last commit"):
                place_map.commit()
        key = place_map.append(make_keyframe(91))
        place_map.leave_out("", grid)
        place_map.commit()
    with PlaceMap.open(path, SPEC) as place_map:
        assert len(place_map.features_of([key])[0].local) == 0
