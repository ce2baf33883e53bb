# SPDX-License-Identifier: Apache-2.0
"""Records are complete or absent, and never more than allowed."""

import json
import os
import resource
import signal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vpr_ros.records.folder import EncodedImage, RecordFolder

START = 1_700_000_000 * 10**9


def image(size=1000, suffix=".png"):
    return EncodedImage(b"x" * size, suffix)


def save(folder, number, size=1000, suffix=".png", age=None):
    path = folder.save(START + number, image(size, suffix), {"verdict": "UNKNOWN"})
    # Files written within one tick of the file system's clock have no order.
    for file in path.parent.glob(f"{path.stem}.*"):
        os.utime(file, ns=(START + number, START + number))
    return path


def numbers(path):
    return sorted({int(file.name[:19]) - START for file in path.iterdir()})


def total(path):
    return sum(file.stat().st_size for file in path.iterdir())


@pytest.fixture
def path(tmp_path):
    return tmp_path / "deep" / "records"


def test_a_record_is_an_image_and_a_note_that_names_it(path):
    saved = RecordFolder(path, 10, 10**6).save(START, image(5), {"verdict": "UNKNOWN"})
    assert saved == path / f"{START}.png"
    assert saved.read_bytes() == b"xxxxx"
    note = json.loads(saved.with_suffix(".json").read_text("utf-8"))
    assert note == {"verdict": "UNKNOWN", "image": saved.name}
    assert len(list(path.iterdir())) == 2


def test_nothing_is_touched_before_the_first_record(path):
    RecordFolder(path, 10, 10**6)
    assert not path.parent.exists()


def test_stamps_of_simulated_time_are_stamps_of_19_digits(path):
    assert RecordFolder(path, 10, 10**6).save(5, image(), {}).name == f"{5:019d}.png"


def test_the_oldest_make_room(path):
    folder = RecordFolder(path, 3, 10**6)
    for number in range(7):
        save(folder, number)
        assert len(numbers(path)) <= 3
    assert numbers(path) == [4, 5, 6]


def test_the_oldest_is_the_one_written_first_whatever_its_stamp(path):
    folder = RecordFolder(path, 2, 10**6)
    for number in (50, 10):
        save(folder, number)
    for file in path.glob(f"{START + 50}.*"):
        os.utime(file, ns=(START, START))
    save(folder, 20)
    assert numbers(path) == [10, 20]


@settings(max_examples=10)  # each record is forced to the disk
@given(sizes=st.lists(st.integers(0, 6000), min_size=1, max_size=12))
def test_the_files_together_are_never_larger_than_allowed(tmp_path_factory, sizes):
    path = tmp_path_factory.mktemp("bounded") / "records"
    folder = RecordFolder(path, 5, 10_000)
    for number, size in enumerate(sizes):
        save(folder, number, size)
        assert total(path) <= 10_000
        assert number in numbers(path)


def test_a_record_that_is_too_large_by_itself_is_refused_and_removes_nothing(path):
    folder = RecordFolder(path, 5, 10_000)
    save(folder, 1)
    with pytest.raises(OSError, match="too large"):
        save(folder, 2, size=20_000)
    assert numbers(path) == [1]


def test_a_record_of_the_same_stamp_is_replaced(path):
    folder = RecordFolder(path, 5, 10**6)
    save(folder, 1, size=10)
    save(folder, 1, size=20)
    save(folder, 1, size=30, suffix=".jpg")
    assert sorted(file.name for file in path.iterdir()) == [f"{START + 1}.jpg", f"{START + 1}.json"]


def test_other_files_are_neither_counted_nor_removed(path):
    path.mkdir(parents=True)
    for name in ("notes.txt", "1.json", f"{START}.json.bak", f"{START}.tar.gz"):
        (path / name).write_bytes(b"y" * 50_000)
    folder = RecordFolder(path, 1, 10_000)
    for number in (1, 2):
        folder.save(START + number, image(), {})
    assert len(list(path.iterdir())) == 4 + 2


def test_what_a_killed_program_left_is_counted_and_makes_room(path):
    path.mkdir(parents=True)
    part = path / f"{START}.png.4711.part"
    part.write_bytes(b"y" * 9000)
    os.utime(part, ns=(1, 1))
    save(RecordFolder(path, 5, 10_000), 3)
    assert not part.exists()
    assert numbers(path) == [3]


def write_with_limit(folder, size, limit):
    """In a process of its own that may write no larger files; returns what became of it."""
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        try:
            folder.save(START + 9, image(size), {})
        except OSError:
            os._exit(3)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_a_disk_that_refuses_leaves_the_other_records_and_nothing_half_written(path):
    folder = RecordFolder(path, 5, 10**6)
    save(folder, 1)
    assert write_with_limit(folder, size=50_000, limit=20_000) == 3
    assert numbers(path) == [1]
    assert write_with_limit(folder, size=10_000, limit=20_000) == 0
    assert numbers(path) == [1, 9]


def test_a_folder_that_cannot_be_is_an_error_of_the_system(tmp_path):
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    with pytest.raises(FileExistsError):
        RecordFolder(in_the_way, 5, 10**6).save(START, image(), {})


def test_a_note_holds_no_numbers_that_json_does_not_know(path):
    with pytest.raises(ValueError, match="JSON"):
        RecordFolder(path, 5, 10**6).save(START, image(), {"probability": float("nan")})
    assert not path.exists()
