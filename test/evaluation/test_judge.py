# SPDX-License-Identifier: Apache-2.0
"""Who is right: positives, right matches, and the counts made of them."""

import json
import math

import pytest

from vpr_ros.datatypes import Candidate, KeyframeKey, KeyframeRecord, Pose, Recognition, Verdict
from vpr_ros.evaluation.judge import Limits, Tally, Truth, Verdicts
from vpr_ros.evaluation.outcomes import MISSED, REFUSED, RIGHT, WRONG

SECOND_NS = 10**9
KEY = KeyframeKey("map", 1)


def pose(x, y=0.0, yaw=0.0):
    half = math.radians(yaw) / 2.0
    return Pose((x, y, 0.0), (0.0, 0.0, math.sin(half), math.cos(half)), "map")


# Both drives go along x at 10 m/s; the query's lies 3 m beside and leaves the street at second 5.
MAP_TRACK = [(second * SECOND_NS, pose(10.0 * second)) for second in range(10)]
QUERY_TRACK = [
    (second * SECOND_NS, pose(10.0 * second, 3.0 if second < 5 else 50.0)) for second in range(10)
]
KEYFRAMES = [stamp_ns for stamp_ns, _ in MAP_TRACK]


@pytest.fixture
def truth():
    return Truth(MAP_TRACK, QUERY_TRACK)


def answer(second, verdict=Verdict.ACCEPTED, match=None):
    records = [] if match is None else [KeyframeRecord(KEY, "1", round(match * SECOND_NS), None)]
    candidates = tuple(Candidate(record, 0.5) for record in records)
    timings_s = {"extract": 0.010, "rerank": 0.005}
    return Recognition(round(second * SECOND_NS), verdict, "so", 0.9, candidates, timings_s)


def counted(answers, truth, stamps=KEYFRAMES):
    return Tally.of(answers, truth.outcomes(answers, stamps))


def test_positives(truth):
    assert truth.has_positive(2 * SECOND_NS, KEYFRAMES) is True
    assert truth.has_positive(6 * SECOND_NS, KEYFRAMES) is False
    assert truth.has_positive(2 * SECOND_NS, []) is False
    assert truth.has_positive(2 * SECOND_NS, KEYFRAMES[3:]) is False
    assert truth.has_positive(99 * SECOND_NS, KEYFRAMES) is None


def test_positive_needs_the_direction():
    for yaw, expected in ((44.0, True), (46.0, False), (-44.0, True), (180.0, False)):
        truth = Truth(MAP_TRACK, [(0, pose(0.0, 0.0, yaw))])
        assert truth.has_positive(0, KEYFRAMES) is expected, yaw


def test_poses_are_interpolated_but_not_over_gaps(truth):
    assert truth.has_positive(SECOND_NS // 2, [SECOND_NS // 2]) is True
    assert truth.query_pose(SECOND_NS // 2).position == pytest.approx((5.0, 3.0, 0.0))
    assert truth.map_pose(SECOND_NS // 2).position == pytest.approx((5.0, 0.0, 0.0))
    assert Truth(MAP_TRACK, QUERY_TRACK[::2]).query_pose(SECOND_NS) is None


def test_right_and_wrong(truth):
    assert truth.is_right(2 * SECOND_NS, 2 * SECOND_NS) is True
    assert truth.is_right(2 * SECOND_NS, round(2.9 * SECOND_NS)) is True
    assert truth.is_right(2 * SECOND_NS, 3 * SECOND_NS) is False
    assert truth.is_right(2 * SECOND_NS, 99 * SECOND_NS) is None
    assert truth.is_right(99 * SECOND_NS, 2 * SECOND_NS) is None


def test_tracks_may_be_out_of_order():
    truth = Truth(MAP_TRACK[::-1], QUERY_TRACK[::-1])
    assert truth.is_right(2 * SECOND_NS, 2 * SECOND_NS) is True


def test_tally(truth):
    answers = [
        answer(0, match=0),
        answer(1, match=7),  # wrong, and has a positive
        answer(2, Verdict.AMBIGUOUS, 2),
        answer(3, Verdict.UNKNOWN),
        answer(6, Verdict.UNKNOWN, 6),
        answer(7, match=7),  # wrong: 50 m beside
        answer(99, match=7),  # beyond the truth
    ]
    tally = counted(answers, truth)
    assert tally == Tally(
        frames=7,
        accepted=4,
        ambiguous=1,
        unknown=2,
        right=1,
        wrong=2,
        unjudged=1,
        positives=4,
        found=1,
        latency_ms=tally.latency_ms,
    )
    assert tally.precision == pytest.approx(1 / 3)
    assert tally.recall == pytest.approx(1 / 4)
    assert tally.latency_ms["total"].median == pytest.approx(15.0)


def test_right_match_without_a_positive_does_not_raise_recall():
    truth = Truth(MAP_TRACK, [(0, pose(0.0, 8.0))])
    tally = counted([answer(0, match=0)], truth)
    assert (tally.right, tally.positives, tally.found) == (1, 0, 0)
    assert math.isnan(tally.recall)


def test_tally_as_json(truth):
    data = counted([answer(0, Verdict.UNKNOWN)], truth).to_json()
    assert json.loads(json.dumps(data, allow_nan=False)) == data
    assert data["precision"] is None
    assert data["recall"] == 0.0
    assert data["latency_ms"]["extract"] == {"median": 10.0, "p95": 10.0, "max": 10.0}
    empty = counted([], truth).to_json()
    assert (empty["frames"], empty["latency_ms"]) == (0, {})


def test_one_table_for_counts_curves_and_pictures(truth):
    """No answer, right, wrong, missed, refused, and one that nobody can judge."""
    answers = [None, answer(0, match=0), answer(1, match=7), answer(2, Verdict.UNKNOWN, 2)]
    answers += [answer(6, Verdict.UNKNOWN, 6), answer(99, match=7)]
    verdicts = Verdicts.of(answers, truth, KEYFRAMES, [7 * SECOND_NS, 0, 2 * SECOND_NS])
    outcomes = verdicts.outcomes
    assert outcomes.words == ("", RIGHT, WRONG, MISSED, REFUSED, "")
    assert outcomes.best.tolist() == [-1, 1, 0, 2, -1, 0]
    assert verdicts.tally.frames == 5
    assert verdicts.tally.unjudged == 1
    assert outcomes.reliability == [(pytest.approx(0.9), 0.5, 4)]
    assert outcomes.calibration_error == pytest.approx(0.4)
    assert outcomes.risk.risk.tolist() == [0.5]
    assert verdicts.causes == {"accepted": 2}


def test_nothing_is_read_from_nothing():
    outcomes = Truth([], []).outcomes([None, None], [])
    assert outcomes.words == ("", "")
    assert math.isnan(outcomes.calibration_error)
    assert (outcomes.curve, outcomes.risk, outcomes.reliability) == (None, None, [])


def test_limits_are_said_once():
    near = Truth(MAP_TRACK, QUERY_TRACK, Limits(positive_distance=2.0, right_distance=2.9))
    assert near.has_positive(2 * SECOND_NS, KEYFRAMES) is False
    assert near.is_right(2 * SECOND_NS, 2 * SECOND_NS) is False
    assert near.error_m(2 * SECOND_NS, 2 * SECOND_NS) == pytest.approx(3.0)
