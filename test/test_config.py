# SPDX-License-Identifier: Apache-2.0
"""Every setting says what it means, and refuses what cannot work."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vpr_ros.config import (
    DecisionConfig,
    HomographyConfig,
    KeyframeConfig,
    LocalizerConfig,
    MapperConfig,
    PipelineConfig,
    SequenceConfig,
    SiftConfig,
    check,
    settings_of,
    with_settings,
)
from vpr_ros.errors import ConfigError

SECTIONS = [SiftConfig, KeyframeConfig, HomographyConfig, DecisionConfig, SequenceConfig]
WHOLES = [PipelineConfig, LocalizerConfig, MapperConfig]
NUMBERS = [(n, v, s) for n, v, s in settings_of(MapperConfig()) if isinstance(v, (int, float))]


@pytest.mark.parametrize("kind", [*SECTIONS, *WHOLES])
def test_every_default_is_described_and_within_its_own_range(kind):
    settings = list(settings_of(kind()))
    assert settings
    for name, value, setting in settings:
        assert len(setting.description) > 10, name
        check(name, value, setting)


def test_names_are_dotted_and_unique():
    names = [name for name, _, _ in settings_of(MapperConfig())]
    assert "keyframes.distance" in names
    assert "session" in names
    assert len(names) == len(set(names))


def test_nodes_and_command_line_share_their_defaults():
    mapper = {name: value for name, value, _ in settings_of(MapperConfig())}
    for name, value, _ in settings_of(PipelineConfig()):
        assert mapper[name] == value


def test_changes_reach_any_depth_and_leave_the_rest():
    before = MapperConfig()
    after = with_settings(before, {"keyframes.distance": 2.5, "session": "monday"})
    assert (after.keyframes.distance, after.session) == (2.5, "monday")
    assert after.keyframes.angle == before.keyframes.angle
    assert before == MapperConfig()
    assert isinstance(after, MapperConfig)


def test_no_changes_give_an_equal_configuration():
    assert with_settings(LocalizerConfig(), {}) == LocalizerConfig()


def test_a_whole_number_is_good_enough_for_a_float():
    changed = with_settings(PipelineConfig(), {"keyframes.distance": 2})
    assert isinstance(changed.keyframes.distance, float)


@pytest.mark.parametrize(("name", "value"), [
    ("sift.max_side", 640.0),
    ("sift.max_side", True),
    ("sift.max_side", "640"),
    ("keyframes.distance", "1.0"),
    ("keyframes.distance", False),
    ("keyframes.distance", None),
    ("method", 1),
])  # fmt: skip
def test_a_value_of_another_type_is_refused_by_name(name, value):
    with pytest.raises(ConfigError, match=f"{name} = {value!r}: must be of type"):
        with_settings(PipelineConfig(), {name: value})


@pytest.mark.parametrize("name", ["max_side", "keyframes", "keyframes.", "sift.nothing", ""])
def test_an_unknown_name_is_refused_with_the_known_ones(name):
    with pytest.raises(ConfigError, match=r"no setting .*sift\.max_side"):
        with_settings(PipelineConfig(), {name: 1})


@pytest.mark.parametrize("name", ["method", "codec"])
def test_an_unknown_choice_is_refused_with_the_known_ones(name):
    with pytest.raises(ConfigError, match=f"{name} = 'nonsense': choose one of"):
        with_settings(PipelineConfig(), {name: "nonsense"})


@pytest.mark.parametrize(("name", "value", "setting"), NUMBERS, ids=[n for n, _, _ in NUMBERS])
def test_ranges_are_closed_and_nothing_beyond_them_passes(name, value, setting):
    kind = type(value)
    for bound, beyond in ((setting.minimum, -1), (setting.maximum, 1)):
        if bound is None:
            continue
        with_settings(MapperConfig(), {name: kind(bound)})
        with pytest.raises(ConfigError, match=name):
            with_settings(MapperConfig(), {name: kind(bound) + kind(beyond)})


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("name", [n for n, v, _ in NUMBERS if isinstance(v, float)])
def test_no_setting_takes_what_is_not_finite(name, value):
    with pytest.raises(ConfigError, match=name):
        with_settings(MapperConfig(), {name: value})


def test_a_section_by_itself_is_checked_too():
    with pytest.raises(ConfigError, match="max_side = 1"):
        with_settings(SiftConfig(), {"max_side": 1})


def test_a_configuration_written_by_hand_is_checked():
    with pytest.raises(ConfigError, match=r"keyframes\.angle = 9"):
        PipelineConfig(keyframes=KeyframeConfig(angle=9.0))


@given(st.dictionaries(
    st.sampled_from([name for name, _, _ in settings_of(MapperConfig())]),
    st.one_of(st.integers(), st.floats(), st.text(max_size=5), st.booleans(), st.none()),
))  # fmt: skip
def test_any_values_give_a_valid_configuration_or_a_config_error(values):
    try:
        config = with_settings(MapperConfig(), values)
    except ConfigError:
        return
    for name, value, setting in settings_of(config):
        check(name, value, setting)


BY_TF = {"pose_type": "tf"}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, True),
        ({"pose_type": "pose"}, False),
        ({"pose_type": "pose_with_covariance"}, False),
        ({"pose_type": "none"}, False),
        (BY_TF, True),
        ({**BY_TF, "tf.pose_frame": "map"}, False),
    ],
)
def test_only_poses_that_never_jump_are_odometry(values, expected):
    assert with_settings(LocalizerConfig(), values).has_odometry is expected
