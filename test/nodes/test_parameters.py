# SPDX-License-Identifier: Apache-2.0
"""ROS parameters are the settings of the configuration: typed, ranged, described."""

import math
from contextlib import contextmanager

import pytest
import rclpy
from rclpy.context import Context
from rclpy.node import Node
from rclpy.parameter import Parameter

from vpr_ros.config import LocalizerConfig, MapperConfig, settings_of
from vpr_ros.errors import ConfigError
from vpr_ros.nodes.parameters import declare_parameters, read_parameters

BOTH = [MapperConfig(), LocalizerConfig()]


@pytest.fixture(scope="module")
def context():
    context = Context()
    rclpy.init(context=context)
    yield context
    rclpy.shutdown(context=context)


@contextmanager
def started(context, defaults, **values):
    """A node with these parameters set at its start; __ stands for a dot."""
    overrides = [Parameter(name.replace("__", "."), value=value) for name, value in values.items()]
    node = Node(
        "declares", context=context, parameter_overrides=overrides, use_global_arguments=False
    )
    try:
        declare_parameters(node, defaults)
        yield node
    finally:
        node.destroy_node()


@pytest.mark.parametrize("defaults", BOTH, ids=["mapper", "localizer"])
def test_undisturbed_parameters_read_back_as_the_defaults(context, defaults):
    with started(context, defaults) as node:
        assert read_parameters(node, defaults) == defaults


@pytest.mark.parametrize("defaults", BOTH, ids=["mapper", "localizer"])
def test_every_parameter_is_described_and_ranged(context, defaults):
    with started(context, defaults) as node:
        for name, value, setting in settings_of(defaults):
            descriptor = node.describe_parameter(name)
            assert descriptor.description == setting.description
            limits = [*descriptor.floating_point_range, *descriptor.integer_range]
            assert bool(limits) == (setting.minimum is not None or setting.maximum is not None)
            for limit in limits:
                assert limit.from_value <= value <= limit.to_value
            assert all(choice in descriptor.additional_constraints for choice in setting.choices)
            expected = Parameter.Type.from_parameter_value(
                list(value) or [""] if isinstance(value, tuple) else value
            )
            assert descriptor.type == expected.value


@pytest.mark.parametrize("defaults", BOTH, ids=["mapper", "localizer"])
def test_lists_of_names(context, defaults):
    with started(context, defaults) as node:
        assert read_parameters(node, defaults).slam.adapters == ()
        (result,) = node.set_parameters([Parameter("slam.adapters", value=["hydra", "lio_sam"])])
        assert result.successful
        assert read_parameters(node, defaults).slam.adapters == ("hydra", "lio_sam")
        (result,) = node.set_parameters([Parameter("slam.adapters", value="hydra")])
        assert not result.successful
    with started(context, defaults, slam__adapters=["rtabmap"]) as node:
        assert read_parameters(node, defaults).slam.adapters == ("rtabmap",)


@pytest.mark.parametrize("value", [["orb_slam"], ["hydra", ""]])
def test_an_unknown_name_in_a_list_is_refused_when_read(context, value):
    with (
        pytest.raises(ConfigError, match=r"slam\.adapters = .*choose one of nav2_amcl"),
        started(context, MapperConfig(), slam__adapters=value) as node,
    ):
        read_parameters(node, MapperConfig())


def test_values_given_at_the_start_are_read(context):
    given = {"session": "monday", "keyframes__distance": 2.5, "sift__max_side": 320}
    with started(context, MapperConfig(), **given) as node:
        config = read_parameters(node, MapperConfig())
    assert (config.session, config.keyframes.distance) == ("monday", 2.5)
    assert config.sift.max_side == 320


def test_values_set_later_are_read(context):
    with started(context, MapperConfig()) as node:
        (result,) = node.set_parameters([Parameter("keyframes.angle", value=0.5)])
        assert result.successful
        assert read_parameters(node, MapperConfig()).keyframes.angle == 0.5


@pytest.mark.parametrize(("name", "value"), [
    ("keyframes.distance", 0.0), ("keyframes.distance", 1000.1), ("keyframes.angle", 3.2),
    ("sift.max_side", 63), ("sift.max_side", 4097), ("decision.max_zoom", 0.99),
])  # fmt: skip
def test_setting_a_value_out_of_range_fails_and_changes_nothing(context, name, value):
    with started(context, MapperConfig()) as node:
        (result,) = node.set_parameters([Parameter(name, value=value)])
        assert not result.successful
        assert read_parameters(node, MapperConfig()) == MapperConfig()


@pytest.mark.parametrize("value", ["far", True])
def test_setting_a_value_of_another_type_fails(context, value):
    with started(context, MapperConfig()) as node:
        (result,) = node.set_parameters([Parameter("keyframes.distance", value=value)])
        assert not result.successful


@pytest.mark.parametrize(("name", "value"), [
    ("keyframes__distance", 0.0), ("keyframes__distance", "far"), ("sift__max_side", 63),
    ("sift__max_side", "wide"), ("session", 5),
])  # fmt: skip
def test_a_start_with_an_impossible_value_is_a_config_error_that_names_it(context, name, value):
    with (
        pytest.raises(ConfigError, match=name.replace("__", ".")),
        started(context, MapperConfig(), **{name: value}),
    ):
        pass


@pytest.mark.parametrize(("name", "value"), [
    ("method", "nonsense"), ("pose_type", "gps"), ("image_transport", "theora"),
    ("keyframes__distance", math.nan),
])  # fmt: skip
def test_what_ros_cannot_check_is_checked_when_read(context, name, value):
    with (
        pytest.raises(ConfigError, match=name.replace("__", ".")),
        started(context, MapperConfig(), **{name: value}) as node,
    ):
        read_parameters(node, MapperConfig())
