# SPDX-License-Identifier: Apache-2.0
"""The newest frame wins, nothing kills the thread, and nobody waits for ever."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from vpr_ros.nodes.waiting_frames import WaitingFrames
from vpr_ros.nodes.worker import FrameWorker

LONG = 5.0  # seconds after which a test has failed


class Desk:
    """A worker whose frames wait until they are let through."""

    def __init__(self, is_open=False):
        self.handled, self.failures = [], []
        self.begun, self.gate = threading.Semaphore(0), threading.Event()
        if is_open:
            self.gate.set()
        self.worker = FrameWorker(self._handle, self._failed)

    def _handle(self, frame):
        self.begun.release()
        assert self.gate.wait(LONG)
        if isinstance(frame, Exception):
            raise frame
        self.handled.append(frame)

    def _failed(self, frame, error):
        self.failures.append((frame, error))

    def offer_and_begin(self, frame):
        assert self.worker.offer(frame)
        assert self.begun.acquire(timeout=LONG)

    def stop(self):
        self.gate.set()
        self.worker.stop()


@pytest.fixture
def desk():
    desk = Desk()
    yield desk
    desk.stop()


@pytest.fixture
def open_desk():
    desk = Desk(is_open=True)
    yield desk
    desk.stop()


def test_a_frame_is_handled(open_desk):
    open_desk.offer_and_begin("a")
    open_desk.stop()
    assert open_desk.handled == ["a"]


def test_the_newest_frame_replaces_the_one_that_waits(desk):
    desk.offer_and_begin("in hand")
    assert [desk.worker.offer(frame) for frame in "abc"] == [True, False, False]
    desk.stop()
    assert desk.handled == ["in hand", "c"]


def test_sources_take_turns_however_fast_one_of_them_is(desk):
    desk.offer_and_begin("in hand")
    offered = [("f1", "front"), ("r1", "rear"), ("f2", "front"), ("f3", "front"), ("l1", "left")]
    assert [desk.worker.offer(*each) for each in offered] == [True, True, False, False, True]
    desk.stop()
    assert desk.handled == ["in hand", "f3", "r1", "l1"]


def test_every_frame_is_handled_or_reported_lost(desk):
    lost = 0
    for number in range(200):
        lost += not desk.worker.offer(number)
        if number == 100:
            desk.gate.set()
    desk.stop()
    assert len(desk.handled) + lost == 200
    assert desk.handled == sorted(desk.handled)
    assert desk.handled[-1] == 199


def test_a_frame_that_raises_is_reported_and_the_next_is_handled(open_desk):
    bad = ValueError("broken frame")
    open_desk.offer_and_begin(bad)
    open_desk.offer_and_begin("good")
    open_desk.stop()
    assert open_desk.failures == [(bad, bad)]
    assert open_desk.handled == ["good"]


def test_a_report_that_raises_does_not_end_the_thread():
    def fail(*_):
        raise RuntimeError("nobody may hear of it")

    worker = FrameWorker(fail, fail)
    worker.offer("bad")
    assert worker.submit(lambda: "alive").result(LONG) == "alive"
    worker.offer("worse")
    assert worker.submit(lambda: "alive").result(LONG) == "alive"
    worker.stop()


def test_a_call_returns_what_ran_on_the_workers_thread(open_desk):
    name = open_desk.worker.submit(lambda: threading.current_thread().name).result(LONG)
    assert name == "vpr_ros worker"


def test_a_call_passes_its_exception_to_the_caller_only(open_desk):
    with pytest.raises(ZeroDivisionError):
        open_desk.worker.submit(lambda: 1 / 0).result(LONG)
    open_desk.offer_and_begin("a")
    open_desk.stop()
    assert (open_desk.handled, open_desk.failures) == (["a"], [])


def test_a_call_runs_between_frames_and_before_the_one_that_waits(desk):
    desk.offer_and_begin("in hand")
    desk.worker.offer("waiting")
    call = desk.worker.submit(lambda: list(desk.handled))
    time.sleep(0.05)
    assert not call.done()
    desk.gate.set()
    assert call.result(LONG) == ["in hand"]


def test_calls_from_many_threads_never_overlap(open_desk):
    inside = []

    def step():
        inside.append(1)
        count = len(inside)
        time.sleep(0.001)
        inside.pop()
        return count

    with ThreadPoolExecutor(8) as pool:
        calls = [pool.submit(open_desk.worker.submit, step) for _ in range(40)]
        assert {call.result(LONG).result(LONG) for call in calls} == {1}


def test_stop_finishes_what_waits(desk):
    desk.offer_and_begin("in hand")
    desk.worker.offer("waiting")
    with ThreadPoolExecutor(2) as pool:
        call = desk.worker.submit(lambda: "called")
        time.sleep(0.05)
        stop = pool.submit(desk.worker.stop)
        time.sleep(0.05)
        assert not stop.done()
        desk.gate.set()
        stop.result(LONG)
        assert call.result(LONG) == "called"
    assert desk.handled == ["in hand", "waiting"]


def test_after_stop_calls_are_refused_and_frames_reported_lost(open_desk):
    open_desk.worker.stop()
    with pytest.raises(RuntimeError, match="stopped"):
        open_desk.worker.submit(lambda: None).result(LONG)
    assert open_desk.worker.offer("late") is False


def test_stopping_twice_is_stopping(open_desk):
    open_desk.worker.stop()
    open_desk.worker.stop()


def test_a_camera_that_goes_on_cannot_keep_the_worker_from_stopping():
    worker = FrameWorker(lambda _: time.sleep(0.002), lambda *_: None)
    done = threading.Event()

    def shoot():
        while not done.is_set():
            worker.offer("frame")

    camera = threading.Thread(target=shoot)
    camera.start()
    with ThreadPoolExecutor(1) as pool:
        stop = pool.submit(worker.stop)
        try:
            stop.result(LONG)
        finally:
            done.set()
    camera.join()


def test_calls_that_race_with_stop_are_answered_or_refused():
    for _ in range(50):
        worker = FrameWorker(lambda _: None, lambda *_: None)
        with ThreadPoolExecutor(5) as pool:
            calls = [pool.submit(_asked, worker) for _ in range(4)]
            pool.submit(worker.stop).result(LONG)
            for call in calls:
                refused = call.exception(LONG)
                assert isinstance(refused, RuntimeError) or call.result() == "answered"


def _asked(worker):
    return worker.submit(lambda: "answered").result(LONG)


def test_what_is_submitted_is_not_waited_for():
    go_on = threading.Event()
    worker = FrameWorker(lambda _: None, lambda *_: None)
    answers = [worker.submit(lambda: go_on.wait(LONG)), worker.submit(lambda: "second")]
    assert not any(answer.done() for answer in answers)
    go_on.set()
    assert [answer.result(LONG) for answer in answers] == [True, "second"]
    worker.stop()
    with pytest.raises(RuntimeError, match="stopped"):
        worker.submit(lambda: None)


class Line:
    """A worker whose frames wait for their numbers to be called."""

    def __init__(self, limit=20):
        self.ready, self.expired, self.handled, self.lost = set(), set(), [], []
        self.waiting = WaitingFrames(self.ready.__contains__, self._seconds_left, limit)
        self.worker = FrameWorker(
            self.handled.append, lambda *_: None, self.waiting, lambda: self.lost.append(1)
        )

    def _seconds_left(self, frame):
        return 0.0 if frame in self.expired else LONG

    def call(self, *numbers, known=None):
        """These frames are ready (or those of ``known`` are given up); waits until it is done."""
        (self.ready if known is None else known).update(numbers)
        self.worker.wake()
        self.settle()

    def settle(self):
        """Wait until the worker has nothing to do but wait."""
        for _ in range(50):
            self.worker.submit(lambda: None).result(LONG)


@pytest.fixture
def line():
    line = Line()
    yield line
    line.worker.stop()


def test_frames_that_wait_are_handled_in_their_order_once_they_are_ready(line):
    assert all(line.worker.offer(number) for number in range(5))
    line.settle()
    assert line.handled == []
    line.call(0)
    assert line.handled == [0]
    line.call(1, 2, 3)
    assert line.handled == [0, 1, 2, 3]
    assert line.lost == []


def test_a_frame_that_is_ready_at_once_does_not_wait(line):
    line.ready.add(7)
    line.worker.offer(7)
    line.settle()
    assert line.handled == [7]


def test_a_frame_that_waited_in_vain_is_handled_all_the_same(line):
    line.worker.offer(0)
    line.worker.offer(1)
    line.call(0, known=line.expired)
    assert line.handled == [0]
    line.call(1)
    assert line.handled == [0, 1]


def test_of_frames_that_all_waited_in_vain_the_newest_wins_and_the_others_are_counted(line):
    for number in range(4):
        line.worker.offer(number)
    line.call(0, 1, 2, known=line.expired)
    assert line.handled == [2]
    assert len(line.lost) == 2


def test_of_too_many_frames_the_oldest_waits_no_more():
    line = Line(limit=3)
    assert all(line.worker.offer(number) for number in range(3))
    line.settle()
    assert line.handled == []
    line.worker.offer(3)
    line.settle()
    assert line.handled == [0]
    line.worker.stop()
    assert line.handled == [0, 1, 2, 3], "the end waits for nothing"


def test_one_source_that_waits_holds_up_no_other(line):
    line.worker.offer(0, "front")
    line.worker.offer(1, "rear")
    line.call(1)
    assert line.handled == [1]


def test_calls_do_not_wait_with_the_frames(line):
    line.worker.offer(0)
    assert line.worker.submit(lambda: "called").result(LONG) == "called"
