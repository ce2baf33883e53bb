# SPDX-License-Identifier: Apache-2.0
"""The table of stacks: every name works, and what cannot work is said in one line."""

import sys
from dataclasses import replace

import pytest

pytest.importorskip("rclpy", reason="the adapters need ROS 2")

from slam_harness import answer, loop_closure

from vpr_ros.config import (
    SLAM_STACKS,
    DecisionConfig,
    LocalizerConfig,
    MapperConfig,
    SlamConfig,
    with_settings,
)
from vpr_ros.errors import ConfigError
from vpr_ros.geometry.poses import PoseError
from vpr_ros.nodes.slam import SlamAdapters, connect
from vpr_ros.nodes.tf.camera_mounts import CameraMounts

OWN_MESSAGES = {
    "rtabmap": ("rtabmap_msgs", "ros-$ROS_DISTRO-rtabmap-msgs"),
    "hydra": ("pose_graph_tools_msgs", "MIT-SPARK/pose_graph_tools"),
    "swarm_slam": ("cslam_common_interfaces", "lajoiepy/cslam_interfaces"),
}


@pytest.fixture
def mounts(bench):
    mounts = CameraMounts(bench.node, "base_link")
    yield mounts
    mounts.close()


@pytest.mark.parametrize("name", SLAM_STACKS)
def test_every_stack_can_be_switched_on(bench, stack_messages, name):
    adapters = bench.connect(name)
    assert adapters.facts()[f"{name} sent"] == "0"


def test_nothing_is_made_unless_it_is_listed(bench, mounts):
    before = {topic for topic, _ in bench.node.get_topic_names_and_types()}
    adapters = connect(bench.node, LocalizerConfig(), mounts)
    assert adapters.facts() == {}
    assert {topic for topic, _ in bench.node.get_topic_names_and_types()} == before


@pytest.mark.parametrize("config", [LocalizerConfig(), MapperConfig()])
def test_an_unknown_name_is_refused_with_the_known_ones(config):
    with pytest.raises(ConfigError, match=r"slam\.adapters = 'cartographer'.*nav2_amcl, .*hydra"):
        with_settings(config, {"slam.adapters": ("nav2_amcl", "cartographer")})


@pytest.mark.parametrize("value", ["nav2_amcl", ["nav2_amcl"], (1,), None])
def test_only_a_list_of_names_is_a_list_of_names(value):
    with pytest.raises(ConfigError, match=r"slam\.adapters"):
        with_settings(LocalizerConfig(), {"slam.adapters": value})


def test_two_that_would_reset_each_other_are_refused(bench, mounts):
    config = LocalizerConfig(slam=SlamConfig(adapters=("slam_toolbox", "nav2_amcl")))
    with pytest.raises(ConfigError, match="list nav2_amcl or slam_toolbox, not both"):
        connect(bench.node, config, mounts)


def test_a_place_without_size_is_refused(bench, mounts):
    config = LocalizerConfig(
        slam=SlamConfig(adapters=("nav2_amcl",)), decision=DecisionConfig(place_radius=0.0)
    )
    with pytest.raises(ConfigError, match=r"slam\.position_sigma = 0 stands for"):
        connect(bench.node, config, mounts)


@pytest.mark.parametrize("name", OWN_MESSAGES)
def test_a_missing_package_is_one_line_that_says_what_to_install(bench, monkeypatch, name):
    package, remedy = OWN_MESSAGES[name]
    monkeypatch.setitem(sys.modules, package, None)
    for module in [each for each in sys.modules if each.startswith(f"{package}.")]:
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ConfigError, match=f"{package}/.* is missing") as refusal:
        bench.connect(name)
    assert remedy in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_what_was_made_before_a_refusal_is_given_back(bench, mounts, monkeypatch):
    monkeypatch.setitem(sys.modules, "rtabmap_msgs", None)
    monkeypatch.setitem(sys.modules, "rtabmap_msgs.msg", None)
    before = len(list(bench.node.publishers)), len(list(bench.node.services))
    config = LocalizerConfig(slam=SlamConfig(adapters=("nav2_amcl", "rtabmap")))
    with pytest.raises(ConfigError, match="rtabmap_msgs"):
        connect(bench.node, config, mounts)
    assert (len(list(bench.node.publishers)), len(list(bench.node.services))) == before


class Told:
    """An adapter that remembers, or refuses."""

    def __init__(self, error=None):
        self.error, self.told, self.reasons = error, [], []

    def localized(self, what):
        self.told.append(what)
        if self.error:
            raise self.error

    closed = localized

    def refused(self, reason):
        self.reasons.append(reason)


def test_one_stack_that_cannot_be_told_stops_no_other():
    first, second = Told(PoseError("no pose")), Told()
    adapters = SlamAdapters([first, second])
    adapters.localized(answer())
    adapters.closed(loop_closure())
    assert len(second.told) == 2
    assert first.reasons == ["no pose", "no pose"]


def test_an_answer_without_candidates_is_told_to_nobody():
    adapter = Told()
    SlamAdapters([adapter]).localized(replace(answer(), candidates=()))
    assert adapter.told == []
