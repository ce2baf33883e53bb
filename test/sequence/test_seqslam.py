# SPDX-License-Identifier: Apache-2.0
"""Lines through similarities that alone would tell nothing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from simulated import DECISION, STEPS, S, along, straight, view

from vpr_ros.config import SequenceConfig
from vpr_ros.sequence import Look, OdometryStep, SeqSlam
from vpr_ros.sequence.seqslam import against_chance, contrasted

CONFIG = SequenceConfig(mode="seqslam")
COUNT = 300


def slam(place_map):
    return SeqSlam(place_map, CONFIG, DECISION, STEPS)


def similarities(here, random, strength=1.5, count=COUNT):
    """Noise, and a peak at the keyframes that stand around ``here``."""
    values = random.normal(0.0, 1.0, count)
    values += strength * np.exp(-0.5 * (np.arange(count) - here) ** 2)
    return (0.8 + 0.02 * values).astype(np.float32)


def drive(place_map, start, speed, odometry=False, strength=2.5, looks=14, seed=0):
    """Drive ``speed`` keyframes a second; the last belief and where the robot is."""
    random, tracker = np.random.default_rng(seed), slam(place_map)
    for count in range(looks):
        here = start + speed * count
        step = OdometryStep(abs(speed), 0.0) if odometry else None
        look = Look((), view(2.0 * count), similarities(here, random, strength, len(place_map)))
        belief = tracker.update(count * S, step, look)
    return belief, round(here) + 1


@pytest.mark.parametrize("speed", [0.5, 1.0, 1.8, -1.0])
@pytest.mark.parametrize("odometry", [False, True])
def test_a_drive_is_found_though_no_image_is(speed, odometry):
    belief, here = drive(straight(COUNT), 150.0, speed, odometry)
    assert abs(belief.best.key.id - here) <= 1
    assert belief.mass > 0.9


@pytest.mark.parametrize("seed", range(10))
def test_noise_is_not_believed(seed):
    belief, _ = drive(straight(COUNT), 150.0, 1.0, strength=0.0, seed=seed)
    assert belief.mass < 0.9


def test_nothing_is_said_before_the_sequence_is_complete():
    belief, _ = drive(straight(COUNT), 150.0, 1.0, looks=CONFIG.seqslam_length - 1)
    assert (belief.off_map, belief.best) == (1.0, None)


@pytest.mark.parametrize("odometry", [False, True])
def test_a_pause_does_not_break_the_line(odometry):
    random, tracker = np.random.default_rng(0), slam(straight(COUNT))
    for count in range(40):
        moved = count if count < 8 else max(8, count - 20)
        step = OdometryStep(1.0 if count < 8 or count > 28 else 0.0, 0.0)
        look = Look((), view(2.0 * moved), similarities(100 + moved, random, 2.5))
        belief = tracker.update(count * S, step if odometry else None, look)
    assert abs(belief.best.key.id - 120) <= 1


def test_the_map_may_grow_and_be_empty():
    place_map = straight(0)
    random, tracker = np.random.default_rng(0), slam(place_map)
    assert tracker.update(0, None, Look((), view(0.0), np.zeros(0, np.float32))).off_map == 1.0
    for count in range(1, 30):
        place_map.append(straight(50 + count).list[len(place_map) :])
        found = similarities(20 + count, random, 3.0, len(place_map))
        belief = tracker.update(count * S, None, Look((), view(2.0 * count), found))
        assert belief.keyframes.shape == (50 + count,)
    assert abs(belief.best.key.id - 50) <= 1


def test_a_stamp_that_jumps_back_starts_over():
    tracker, random = slam(straight(COUNT)), np.random.default_rng(0)
    for count in range(12):
        look = Look((), view(2.0 * count), similarities(50 + count, random, 4.0))
        assert (tracker.update(count * S, None, look).best is not None) == (count >= 9)
    assert tracker.update(0, None, look).best is None


def test_without_poses_time_tells_the_slope():
    place_map = straight(0)
    place_map.list = list(along([(0, 0)] * COUNT, poses=False))
    belief, here = drive(place_map, 100.0, 1.0)
    assert abs(belief.best.key.id - here) <= 1


def contrast_by_definition(values, window):
    result = []
    for number, value in enumerate(values):
        around = values[max(0, number - window) : number + window + 1].astype(float)
        result.append((value - around.mean()) / max(around.std(), 1e-3))
    return result


@given(st.integers(1, 40), st.integers(1, 50), st.integers(0, 99))
def test_contrast_is_what_it_is_defined_to_be(count, window, seed):
    values = np.random.default_rng(seed).random(count).astype(np.float32)
    expected = contrast_by_definition(values, window)
    np.testing.assert_allclose(contrasted(values, window), expected, atol=1e-3)


def test_alike_neighbors_have_no_contrast():
    assert np.abs(contrasted(np.full(50, 0.83, np.float32), 10)).max() < 1e-3


@given(st.integers(1, 500), st.floats(-1e3, 1e3), st.floats(1e-6, 1e3))
def test_log_odds_are_finite_and_keep_the_order(count, center, width):
    scores = center + width * np.random.default_rng(count).normal(size=count)
    log_odds = against_chance(scores)
    assert np.isfinite(log_odds).all()
    assert log_odds[np.argmax(scores)] == log_odds.max()


@pytest.mark.parametrize("count", [30, 300, 3000])
def test_the_best_of_chance_is_rarely_taken_for_right(count):
    random = np.random.default_rng(0)
    sure = 0
    for _ in range(200):
        log_odds = against_chance(random.normal(size=count))
        sure += float(log_odds.max()) > np.log(9.0)  # 0.9 against being off the map
    assert sure <= 30
