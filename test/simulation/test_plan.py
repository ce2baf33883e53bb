# SPDX-License-Identifier: Apache-2.0
"""The laps: closed, smooth, at a constant speed, a meter apart, with a detour off the map."""

import numpy as np
import pytest

from vpr_ros.errors import ConfigError
from vpr_ros.simulation.laps import DriveConfig, map_lap, query_lap, small_drive
from vpr_ros.simulation.plan import TownPlan, body_steps, dead_reckoning

CONFIGS = [DriveConfig(), small_drive()]


def distances_to_map(config):
    """Meters [N] from each pose of lap two to the path of lap one."""
    fine = DriveConfig(config.plan, config.speed, rate_hz=50.0)
    path = map_lap(fine).trajectory(fine).positions
    track = query_lap(config).trajectory(config).positions
    return np.linalg.norm(track[:, None] - path[None], axis=2).min(axis=1)


def test_streets_that_leave_no_room_for_houses_are_refused():
    with pytest.raises(ConfigError, match="3 m thick"):
        TownPlan(length=15.0, half_street=6.0)


@pytest.mark.parametrize(
    ("name", "value"), [("speed", 0.0), ("rate_hz", -1.0), ("field_of_view", 3), ("lane", -2.0)]
)
def test_numbers_that_no_drive_can_have_are_refused(name, value):
    with pytest.raises(ConfigError, match=name):
        DriveConfig(**{name: value})


def test_the_full_drive_is_as_long_as_a_demonstration_may_take():
    config = DriveConfig()
    assert 150 <= len(map_lap(config).trajectory(config)) <= 220
    assert 180 <= len(query_lap(config).trajectory(config)) <= 270


@pytest.mark.parametrize("config", CONFIGS)
def test_both_laps_come_back_to_their_start(config):
    for lap in (map_lap(config), query_lap(config)):
        track = lap.trajectory(config)
        gap = np.linalg.norm(track.positions[-1] - track.positions[0])
        assert gap <= 1.2 * config.speed / config.rate_hz


@pytest.mark.parametrize("config", CONFIGS)
def test_speed_is_constant_and_corners_are_smooth(config):
    for lap in (map_lap(config), query_lap(config)):
        track = lap.trajectory(DriveConfig(config.plan, config.speed, rate_hz=20.0))
        speed = np.linalg.norm(body_steps(track), axis=1) * 20.0
        assert speed == pytest.approx(config.speed, rel=0.02)
        turning = np.diff(track.headings) * 20.0
        assert np.abs(turning).max() < config.speed / 3.0  # no curve tighter than 3 m


def test_lap_two_is_driven_a_meter_beside_lap_one_except_on_the_detour():
    config = DriveConfig()
    apart = distances_to_map(config)
    beside = np.abs(apart - config.beside) < 0.25
    assert 0.25 < 1.0 - beside.mean() < 0.36
    assert apart.max() > 20.0


@pytest.mark.parametrize("config", CONFIGS)
def test_the_detour_is_one_piece_and_far_off_the_map(config):
    off = np.flatnonzero(distances_to_map(config) > 3.0)
    assert np.array_equal(off, np.arange(off[0], off[-1] + 1))
    assert 0.2 < len(off) / len(query_lap(config).trajectory(config)) < 0.45


def test_odometry_starts_at_zero_and_drifts_a_little():
    config = DriveConfig()
    truth = map_lap(config).trajectory(config)
    track = dead_reckoning(truth, np.random.default_rng(0))
    assert track.positions[0].tolist() == [0.0, 0.0]
    assert track.headings[0] == 0.0
    driven = np.linalg.norm(body_steps(track), axis=1).sum()
    real = np.linalg.norm(body_steps(truth), axis=1).sum()
    assert 0.009 < abs(driven / real - 1.0) < 0.021
    end = np.linalg.norm(track.positions[-1] - (truth.positions[-1] - truth.positions[0]))
    assert 0.1 < end < 0.1 * real
