# SPDX-License-Identifier: Apache-2.0
"""Every frame is counted once, under what became of it."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from vpr_ros.nodes.statistics import FrameStatistics


def test_a_new_node_counted_nothing():
    statistics = FrameStatistics()
    assert statistics.received == statistics.processed == statistics.dropped == 0
    assert statistics.latencies_ms() == {}


def test_rising_stamps_are_new_frames():
    statistics = FrameStatistics()
    assert all(statistics.arrive(stamp, 0.0) for stamp in (0, 1, 2))
    assert (statistics.received, statistics.repeated, statistics.backward) == (3, 0, 0)


def test_a_repeated_stamp_needs_no_second_answer():
    statistics = FrameStatistics()
    assert [statistics.arrive(stamp, 0.0) for stamp in (5, 5, 5, 6)] == [True, False, False, True]
    assert (statistics.received, statistics.repeated) == (4, 2)


def test_a_stamp_that_goes_backwards_is_counted_and_answered():
    statistics = FrameStatistics()
    assert [statistics.arrive(stamp, 0.0) for stamp in (9, 3, 4)] == [True, True, True]
    assert statistics.backward == 1


def test_the_last_arrival_is_that_of_any_frame():
    statistics = FrameStatistics()
    assert statistics.last_arrival() is None
    statistics.arrive(5, 1.0)
    statistics.arrive(5, 2.0)
    assert statistics.last_arrival() == 2.0


def test_cameras_that_take_turns_repeat_nothing_and_never_go_back():
    statistics = FrameStatistics()
    for stamp in (5, 6, 7):
        assert statistics.arrive(stamp, 1.0, "front")
        assert statistics.arrive(stamp - 1, 2.0, "rear")
    assert not statistics.arrive(6, 3.0, "rear")
    assert (statistics.received, statistics.repeated, statistics.backward) == (7, 1, 0)
    assert (statistics.last_arrival("front"), statistics.last_arrival("rear")) == (1.0, 3.0)


def test_failures_keep_the_last_reason():
    statistics = FrameStatistics()
    statistics.fail("first")
    statistics.fail("second")
    assert (statistics.failed, statistics.last_error) == (2, "second")


def test_latencies_are_median_and_largest_in_milliseconds():
    statistics = FrameStatistics()
    for seconds in (0.001, 0.009, 0.002):
        statistics.done({"extract": seconds, "rerank": 0.5})
    assert statistics.latencies_ms() == {
        "extract": (pytest.approx(2.0), pytest.approx(9.0)),
        "rerank": (pytest.approx(500.0), pytest.approx(500.0)),
    }
    assert statistics.processed == 3


def test_latencies_forget_what_was_long_ago():
    statistics = FrameStatistics()
    statistics.done({"extract": 9.0})
    for _ in range(100):
        statistics.done({"extract": 0.001})
    assert statistics.latencies_ms()["extract"] == pytest.approx((1.0, 1.0))


def test_stages_keep_the_order_they_ran_in():
    statistics = FrameStatistics()
    statistics.done({"wait": 0.1, "extract": 0.1, "decide": 0.1})
    assert list(statistics.latencies_ms()) == ["wait", "extract", "decide"]


def test_threads_lose_no_count():
    statistics = FrameStatistics()

    def work(thread):
        for number in range(500):
            statistics.arrive(thread * 1000 + number, 0.0)
            statistics.drop()
            statistics.fail("")
            statistics.done({"extract": 0.0})
            statistics.latencies_ms()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    counted = (statistics.received, statistics.dropped, statistics.failed, statistics.processed)
    assert counted == (2000,) * 4


def test_work_beside_the_answers_is_timed_and_counts_no_frame():
    statistics = FrameStatistics()
    statistics.note("match image", 0.004)
    assert statistics.latencies_ms() == {"match image": (4.0, 4.0)}
    assert statistics.processed == 0


def test_a_frame_that_nobody_asked_for_shows_that_its_source_lives_and_counts_nowhere():
    statistics = FrameStatistics()
    statistics.see(3.0, "front")
    assert (statistics.last_arrival("front"), statistics.received) == (3.0, 0)
