# SPDX-License-Identifier: Apache-2.0
"""What sequences add to single images: accepted positives, kidnappings, milliseconds.

    python tools/bench/sequence.py --kitti MAP_BAG QUERY_BAG --corridor FOLDER --walk FOLDER

Without arguments only the time of an update is measured. Descriptions of images are kept in the
folder that --cache names.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from sequence_drives import BASELINE, Drive, corridor, kitti, kitti_halves, picture, walk

from vpr_ros.calibration_curve import Calibration, Tail
from vpr_ros.config import with_settings
from vpr_ros.datatypes import Candidate, Comparison, KeyframeRecord, Pose, Recognition, Verdict
from vpr_ros.pipeline import build
from vpr_ros.sequence import Belief, Look, SequenceTracker, open_tracker

KEYFRAMES = 100_000
JUMPS = ((20, 250), (250, 20), (60, 180), (180, 330), (330, 60), (120, 300), (300, 120), (200, 30))
BEFORE, AFTER = 25, 25  # frames before and after a jump
UPRIGHT = (0.0, 0.0, 0.0, 1.0)


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


@dataclass(frozen=True)
class Judged:
    """One answer held against the truth."""

    confidence: float  # 0 where the rules refuse, whatever the probability
    accepted: bool
    right: bool
    positive: bool


def run(drive: Drive, mode: str, use_odometry: bool) -> list[Judged]:
    """All answers to a drive."""
    pipeline = build(drive.config(**{"sequence.mode": mode}))
    with pipeline.open_map(drive.map_path) as place_map:
        worth = pipeline.calibrator.of(place_map).calibration
        tracker = open_tracker(place_map, pipeline.config, worth)
        recognizer = drive.recognizer(place_map, pipeline, tracker)
        answers = []
        for number, stamp_ns in enumerate(drive.stamps_ns):
            odometry = drive.odometry[number] if use_odometry else None
            answer = recognizer.recognize(picture(number), stamp_ns, odometry)
            answers.append(judged(drive, number, answer))
    return answers


def judged(drive: Drive, number: int, answer: Recognition) -> Judged:
    accepted = answer.verdict is Verdict.ACCEPTED
    right = drive.is_right(number, answer.candidates[0].keyframe.stamp_ns)
    refused = answer.verdict is Verdict.AMBIGUOUS or "looks without" in answer.reason
    rerank = answer.candidates[0].comparison
    # Single images: probabilities are all 1 from a hundred inliers on, scores still differ.
    single = "inliers" in answer.reason and rerank is not None
    confidence = rerank.score if single and rerank else answer.probability
    confidence = 0.0 if refused else confidence
    return Judged(confidence, accepted, right, drive.has_positive(number))


def found_at(answers: list[Judged], precision: float) -> float:
    """The largest part of the positives found at a precision, over all thresholds."""
    positives = sum(each.positive for each in answers)
    best = 0.0
    for threshold in {each.confidence for each in answers if each.confidence > 0.0}:
        taken = [each for each in answers if each.confidence >= threshold]
        right = sum(each.right for each in taken)
        if right >= precision * len(taken):
            best = max(best, sum(each.right and each.positive for each in taken) / positives)
    return best


def report(drive: Drive, rows: list[tuple[str, str, bool]]) -> None:
    first: list[Judged] | None = None
    for name, mode, use_odometry in rows:
        answers = run(drive, mode, use_odometry)
        first = first or answers
        taken = [each for each in answers if each.accepted]
        right = sum(each.right for each in taken)
        positives = sum(each.positive for each in answers)
        found = sum(each.right and each.positive for each in taken)
        single = [each for each in first if each.accepted]
        level = sum(each.right for each in single) / max(len(single), 1)
        precision = f"{100 * right / len(taken):5.1f}" if taken else "    -"
        say(
            f"| {drive.name:28} | {name:18} | {len(answers):6} | {positives:9} | {len(taken):8} | "
            f"{precision} % | {100 * found / positives:5.1f} % | "
            f"{100 * found_at(answers, level):5.1f} % | {100 * found_at(answers, 1.0):5.1f} % |"
        )


class Watched:
    """A tracker whose last belief can be looked at."""

    def __init__(self, tracker: SequenceTracker) -> None:
        self._tracker = tracker
        self.needs_similarities = tracker.needs_similarities
        self.belief: Belief | None = None

    def decide(self, stamp_ns, odometry, look):
        """As the tracker does."""
        self.belief, answer = self._tracker.decide(stamp_ns, odometry, look)
        return self.belief, answer


def kidnap(drive: Drive, start: int, goal: int, use_odometry: bool) -> tuple[int, float, int]:
    """Drive on from one frame, go on from another, and let the odometry know nothing of it.

    Returns:
        Frames until the new place is accepted, the highest probability of the old route in
        frames 6 and later after the jump, and the number of wrong ACCEPTED after the jump.
    """
    recovered, old_mass, wrong = -1, 0.0, 0
    answers = jumping(drive, start, goal, use_odometry)
    for after, (accepted, right, mass) in enumerate(answers, start=1 - BEFORE):
        if after >= 1:
            wrong += accepted and not right
            recovered = after if recovered < 0 and accepted and right else recovered
        if after > 5:
            old_mass = max(old_mass, mass)
    return recovered, old_mass, wrong


def jumping(
    drive: Drive, start: int, goal: int, use_odometry: bool
) -> Iterator[tuple[bool, bool, float]]:
    """Of every frame: accepted, right, and the probability of the route before the jump."""
    pipeline = build(drive.config(**{"sequence.mode": "filter"}))
    numbers = [*range(start, start + BEFORE), *range(goal, goal + AFTER)]
    period = drive.stamps_ns[1] - drive.stamps_ns[0]
    with pipeline.open_map(drive.map_path) as place_map:
        worth = pipeline.calibrator.of(place_map).calibration
        watched = Watched(open_tracker(place_map, pipeline.config, worth))
        recognizer = drive.recognizer(place_map, pipeline, watched)
        stamps = np.array([record.stamp_ns for record in place_map.records()])
        old = slice(*np.searchsorted(stamps, [drive.stamps_ns[start], stamp_after(drive, start)]))
        for count, number in enumerate(numbers):
            odometry = spliced(drive, numbers, count) if use_odometry else None
            answer = recognizer.recognize(picture(number), count * period, odometry)
            right = drive.is_right(number, answer.candidates[0].keyframe.stamp_ns)
            mass = float(watched.belief.keyframes[old].sum())
            yield answer.verdict is Verdict.ACCEPTED, right, mass


def stamp_after(drive: Drive, start: int) -> int:
    """The stamp to which the robot would have come without the jump."""
    return drive.stamps_ns[min(start + BEFORE + AFTER, len(drive.stamps_ns) - 1)]


def spliced(drive: Drive, numbers: list[int], count: int) -> Pose:
    """Odometry that joins the two parts: only the length along the way is kept."""
    total = 0.0
    for left, right in pairwise(numbers[: count + 1]):
        before = left if right == left + 1 else right - 1  # the jump counts as an ordinary step
        a, b = drive.odometry[before], drive.odometry[right]
        total += float(np.linalg.norm(np.subtract(a.position, b.position)))
    return Pose((total, 0.0, 0.0), UPRIGHT, "odom")


class LongMap:
    """A winding route of many keyframes."""

    def __init__(self, count: int) -> None:
        random = np.random.default_rng(0)
        headings = np.cumsum(random.normal(0.0, 0.05, count))
        steps = random.uniform(1.0, 1.3, count)[:, None]
        track = np.cumsum(np.stack([np.cos(headings), np.sin(headings)], 1) * steps, axis=0)
        self._records = [
            KeyframeRecord(i + 1, "drive", i * 10**9, Pose((float(x), float(y), 0.0), UPRIGHT, "o"))
            for i, (x, y) in enumerate(track)
        ]

    def __len__(self) -> int:
        return len(self._records)

    def records(self) -> list[KeyframeRecord]:
        """All of them."""
        return list(self._records)


def measure(mode: str, use_odometry: bool) -> None:
    """Milliseconds of one update, robot driving, ten candidates."""
    long = LongMap(KEYFRAMES)
    records = long.records()
    config = with_settings(BASELINE, {"sequence.mode": mode})
    started = time.perf_counter()
    tracker = open_tracker(long, config, Calibration((Tail(20.0, 1.0, 3.0),), 1.0))
    opened = time.perf_counter() - started
    views = np.eye(8, dtype=np.float32)
    random = np.random.default_rng(1)
    similarities = random.random(KEYFRAMES, dtype=np.float32)
    seconds, busy = [], []  # on the wall's clock, and on the processor's
    for count in range(200):
        near = records[50_000 + count : 50_010 + count]
        candidates = [Candidate(r, 0.9, Comparison(60.0 - i, 60 - i)) for i, r in enumerate(near)]
        look = Look(candidates, views[count % 8], similarities)
        pose = Pose((1.15 * count, 0.0, 0.0), UPRIGHT, "o") if use_odometry else None
        started, started_busy = time.perf_counter(), time.thread_time()
        tracker.decide(count * 10**9, pose, look)
        busy.append(time.thread_time() - started_busy)
        seconds.append(time.perf_counter() - started)
    median, p95 = 1e3 * np.percentile(seconds, [50, 95])
    busy_median, busy_p95 = 1e3 * np.percentile(busy, [50, 95])
    how = "odometry" if use_odometry else "time alone"
    say(
        f"{mode}, {how}, {KEYFRAMES} keyframes: median {median:.1f} ms, 95 % {p95:.1f} ms; "
        f"processor {busy_median:.1f} ms, 95 % {busy_p95:.1f} ms; "
        f"opening {1e3 * opened:.0f} ms"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kitti", nargs=2, type=Path, metavar=("MAP_BAG", "QUERY_BAG"))
    parser.add_argument("--corridor", type=Path, metavar="FOLDER")
    parser.add_argument("--walk", type=Path, metavar="FOLDER")
    parser.add_argument("--cache", type=Path, default=Path("build/sequence"))
    args = parser.parse_args()
    args.cache.mkdir(parents=True, exist_ok=True)
    say(
        "| drive                        | answers from       | frames | positives | accepted | "
        "precision | found | found at single's precision | found at 100 % precision |"
    )
    say("|---|---|---|---|---|---|---|---|---|")
    without = [("single images", "off", False), ("filter", "filter", False)]
    without.append(("SeqSLAM", "seqslam", False))
    with_odometry = [("filter, odometry", "filter", True), ("SeqSLAM, odometry", "seqslam", True)]
    if args.kitti:
        for dim in (False, True):
            report(kitti(*args.kitti, args.cache, dim), [*without, *with_odometry])
    if args.corridor:
        for mapped in (40, 30):
            report(corridor(args.corridor, args.cache, mapped), without)
    if args.walk:
        for mapped in (200, 140):
            for tolerance in (2, 4):
                report(walk(args.walk, args.cache, mapped, tolerance), without)
    if args.kitti:
        report_jumps(kitti_halves(args.kitti[0], args.cache))
    say(f"\none core of {os.cpu_count()}, load {os.getloadavg()[0]:.1f}")
    for mode in ("filter", "seqslam"):
        for use_odometry in (True, False):
            measure(mode, use_odometry)


def report_jumps(drive: Drive) -> None:
    say("\n| jump (frame to frame) | odometry | recovered after | old route after 5 | wrong |")
    say("|---|---|---|---|---|")
    for use_odometry in (True, False):
        for start, goal in JUMPS:
            frames, mass, wrong = kidnap(drive, start, goal, use_odometry)
            where, how = f"{start + BEFORE} to {goal}", "yes" if use_odometry else "no"
            say(f"| {where} | {how} | {frames} frames | {mass:.3f} | {wrong} |")


if __name__ == "__main__":
    main()
