# SPDX-License-Identifier: Apache-2.0
"""The likeliest place, its rival, and what a robot may do with them."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from simulated import DECISION, SEQUENCE, along, key, keys, straight

from vpr_ros.datatypes import Cause, KeyframeRecord, Verdict
from vpr_ros.place_map.keyframe_table import KeyframeTable
from vpr_ros.sequence import Belief
from vpr_ros.sequence.places import summarized
from vpr_ros.sequence.verdict import judge

NOTHING = np.zeros(0)


def summary(masses, records=None):
    """``masses``: keyframe id -> probability, on a straight drive of 100 keyframes."""
    records = records or straight(100).list
    every = np.zeros(len(records))
    for keyframe_id, mass in masses.items():
        every[keyframe_id - 1] = mass
    table = KeyframeTable(records)
    return summarized(every, 1.0 - float(every.sum()), table, DECISION)


def test_a_place_is_a_keyframe_with_those_around_it():
    belief = summary({50: 0.5, 51: 0.2, 58: 0.1, 90: 0.15})
    assert (belief.best.key.id, belief.rival.key.id) == (50, 90)
    assert belief.mass == pytest.approx(0.8)
    assert belief.rival_mass == pytest.approx(0.15)
    assert belief.place == keys(range(40, 61))


def test_a_broad_hill_is_more_than_a_narrow_peak():
    assert summary({10: 0.3, 60: 0.2, 61: 0.2, 62: 0.1}).best.key.id in (60, 61)


@pytest.mark.parametrize("number", [1, 2, 99, 100])
def test_the_ends_of_a_drive_are_places_too(number):
    belief = summary({number: 1.0})
    assert (belief.best.key.id, belief.mass, belief.rival) == (number, 1.0, None)


def test_nothing_on_the_map_is_no_place():
    assert summary({}).best is None
    assert summarized(NOTHING, 1.0, KeyframeTable(), DECISION).best is None


def test_drives_add_up_and_the_surest_names_the_keyframe():
    records = [
        record
        for drive in range(3)
        for record in along([(n, 0) for n in range(50)], f"drive {drive}", first_id=1 + 50 * drive)
    ]
    belief = summary({10: 0.3, 70: 0.25, 110: 0.35, 140: 0.05}, records)
    assert belief.best.key.id == 110
    assert belief.mass == pytest.approx(0.9)
    assert belief.rival.key.id == 140
    assert keys([10, 70, 110]) <= belief.place


def test_drives_of_maps_that_do_not_overlap_are_rivals():
    records = [
        *along([(n, 0) for n in range(50)], "monday"),
        *along([(n, 0) for n in range(50)], "tuesday", first_id=51),
        *along([(n, 0) for n in range(50)], first_id=1, of="floor2"),
    ]
    table, masses = KeyframeTable(records), np.zeros(150)
    masses[[10, 60, 110]] = 0.4, 0.25, 0.3
    apart = summarized(masses, 0.05, table, replace(DECISION, maps_overlap=False))
    assert (apart.best.key.id, apart.rival.key) == (11, key(11, "floor2"))
    assert (apart.mass, apart.rival_mass) == pytest.approx((0.65, 0.3))
    assert key(11, "floor2") not in apart.place
    together = summarized(masses, 0.05, table, DECISION)
    assert (together.mass, together.rival) == (pytest.approx(0.95), None)


@given(st.lists(st.floats(0.0, 1.0), min_size=2, max_size=80))
def test_summaries_fit_the_masses(values):
    masses = np.array(values) / max(1.0, sum(values))
    belief = summarized(
        masses, 1.0 - masses.sum(), KeyframeTable(straight(len(values)).list), DECISION
    )
    assert belief.mass + belief.rival_mass <= masses.sum() + 1e-9
    if belief.best is not None:
        assert belief.best.key in belief.place
        assert belief.rival is None or belief.rival.key not in belief.place


def record(number, map_name=""):
    return KeyframeRecord(key(number), "monday", 0, None, map_name=map_name)


def judged(mass, off_map, **known):
    belief = Belief(NOTHING, off_map, best=record(7), mass=mass, place=keys([7]), **known)
    return judge(belief, DECISION, SEQUENCE)


def test_an_accepted_place_says_since_when_nothing_was_seen_of_it():
    words = "keyframe 7 agrees with this image and those before (0.97)"
    assert judged(0.97, 0.03) == (Verdict.ACCEPTED, words, 0.97, Cause.NONE)
    verdict, reason, *_ = judged(0.93, 0.03, unsupported=1.2)
    assert verdict is Verdict.ACCEPTED
    assert reason.endswith("follows from the images before (0.93), 1.2 looks after the last match")


@pytest.mark.parametrize(("about", "verdict", "cause", "words"), [
    ({"mass": 0.95, "off_map": 0.01, "unsupported": 5.0}, Verdict.UNKNOWN, Cause.STALE,
     "5 looks without"),
    ({"mass": 0.95, "off_map": 0.01, "contrary": record(40)}, Verdict.AMBIGUOUS, Cause.CONTRARY,
     "agrees with keyframe 40"),
    ({"mass": 0.6, "off_map": 0.05, "rival": record(30), "rival_mass": 0.35}, Verdict.AMBIGUOUS,
     Cause.LOOK_ALIKE, "either keyframe 7 (0.60) or keyframe 30 (0.35)"),
    ({"mass": 0.85, "off_map": 0.1, "rival": record(30), "rival_mass": 0.05}, Verdict.UNKNOWN,
     Cause.UNSURE, "probability 0.85 < 0.9 needed"),
    ({"mass": 0.2, "off_map": 0.7}, Verdict.UNKNOWN, Cause.OFF_MAP,
     "off the map (0.70), or keyframe 7 (0.20)"),
])  # fmt: skip
def test_every_other_verdict_has_its_reason_cause_and_numbers(about, verdict, cause, words):
    found, reason, probability, why = judged(**about)
    assert (found, why) == (verdict, cause)
    assert words in reason
    assert probability == about["mass"]


def test_nowhere_at_all_is_said():
    assert judge(Belief(NOTHING, 1.0), DECISION, SEQUENCE) == (
        Verdict.UNKNOWN, "off the map (1.00)", 0.0, Cause.OFF_MAP,
    )  # fmt: skip


def test_of_several_maps_the_reason_says_which_are_meant():
    belief = Belief(
        NOTHING, 0.01, record(12, "kitchen"), 0.55, keys([12]), record(12, "hall"), 0.44
    )
    reason = judge(belief, DECISION, SEQUENCE).reason
    assert reason == (
        "either keyframe 12 of kitchen/monday (0.55) or keyframe 12 of hall/monday (0.44)"
    )
