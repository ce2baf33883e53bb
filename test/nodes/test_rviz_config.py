# SPDX-License-Identifier: Apache-2.0
"""The configuration of RViz shows what the localizer offers, in a way that the two connect."""

from pathlib import Path

import pytest
import yaml

rclpy = pytest.importorskip("rclpy", reason="the nodes need ROS 2")

ROOT = Path(__file__).parents[2]
# Display class of rviz_default_plugins -> the type it subscribes to.
TYPES = {
    "rviz_default_plugins/Image": "sensor_msgs/msg/Image",
    "rviz_default_plugins/MarkerArray": "visualization_msgs/msg/MarkerArray",
}
# Subscribers may ask for as much as is offered, or for less.
OFFERED = {"Reliability Policy": {"Reliable", "Best Effort"}}
OFFERED["Durability Policy"] = {"Volatile", "Transient Local"}


@pytest.fixture(scope="module")
def config():
    return yaml.safe_load((ROOT / "rviz" / "localize.rviz").read_text("utf-8"))


@pytest.fixture(scope="module")
def displays(config):
    found = config["Visualization Manager"]["Displays"]
    return {each["Class"]: each for each in found if "Topic" in each}


@pytest.fixture(scope="module")
def offered(ros):
    """Topic -> types of everything that a localizer publishes."""
    from vpr_ros.nodes.localizer_node import localizer

    node = localizer()
    yield dict(node.get_publisher_names_and_types_by_node("localizer", "/"))
    node.destroy_node()


def test_every_topic_is_one_of_the_localizer_and_of_the_display_s_type(displays, offered):
    assert set(displays) == set(TYPES)
    for name, display in displays.items():
        assert offered[display["Topic"]["Value"]] == [TYPES[name]]


def test_every_display_is_on_and_asks_for_what_is_offered(displays):
    for display in displays.values():
        assert display["Enabled"] is display["Value"] is True
        for policy, known in OFFERED.items():
            assert display["Topic"][policy] in known
    image = displays["rviz_default_plugins/Image"]["Topic"]
    assert image["Durability Policy"] == "Volatile"  # pictures are not latched


def test_every_class_is_one_that_rviz_brings(config):
    manager = config["Visualization Manager"]
    parts = [*manager["Displays"], *manager["Tools"], manager["Views"]["Current"]]
    names = {part["Class"] for part in parts}
    assert all(name.startswith("rviz_default_plugins/") for name in names)
    assert {panel["Class"] for panel in config["Panels"]} <= {
        "rviz_common/Displays", "rviz_common/Views", "rviz_common/Selection",
    }  # fmt: skip
    assert manager["Global Options"]["Fixed Frame"]
