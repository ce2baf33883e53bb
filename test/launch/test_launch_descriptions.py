# SPDX-License-Identifier: Apache-2.0
"""What the launch files start, read with stubs of launch where it is not installed."""

import runpy
from pathlib import Path

import pytest
import yaml

from vpr_ros.config import LocalizerConfig, MapperConfig, settings_of

pytest.importorskip("lifecycle_msgs", reason="the launch files name transitions")
stubs = runpy.run_path(str(Path(__file__).with_name("stubs.py")))

ROOT = Path(__file__).parents[2]
FILES = {"mapper": "map", "localizer": "localize"}
CONFIGS = {"mapper": MapperConfig(), "localizer": LocalizerConfig()}
SETTINGS = {kind: {name for name, _, _ in settings_of(CONFIGS[kind])} for kind in CONFIGS}
BOTH = pytest.mark.parametrize("kind", FILES)


@pytest.fixture
def started(monkeypatch):
    """Start a launch file with some arguments: the module, its node's arguments and handlers."""
    stubs["install"](monkeypatch, ROOT)

    def start(kind, **arguments):
        module = runpy.run_path(str(ROOT / "launch" / f"{FILES[kind]}.launch.py"))
        context = {**{name: default for name, default, _ in module["ARGUMENTS"]}, **arguments}
        *declared, function = module["generate_launch_description"]().positional[0]
        assert [each.positional[0] for each in declared] == [a[0] for a in module["ARGUMENTS"]]
        *handlers, node = function.named["function"](context)
        return stubs["performed"](node.named, context), handlers, context

    return start


@BOTH
def test_the_installed_file_alone_decides_unless_told_otherwise(started, kind):
    node, _, _ = started(kind)
    assert node["parameters"] == [str(ROOT / "config" / f"{FILES[kind]}.yaml")]
    assert (node["package"], node["executable"], node["name"]) == ("vpr_ros", kind, kind)


@BOTH
def test_use_sim_time_is_left_to_others_unless_it_is_given(started, kind):
    """The user's file may set it, or SetParameter of a launch file around this one."""
    assert started(kind, params_file="/mine.yaml")[0]["parameters"] == ["/mine.yaml"]
    for text, value in (("true", True), ("False", False)):
        node, _, _ = started(kind, use_sim_time=text)
        assert node["parameters"][1] == {"use_sim_time": value}


@BOTH
def test_every_argument_sets_a_parameter_that_exists(started, kind):
    module = runpy.run_path(str(ROOT / "launch" / f"{FILES[kind]}.launch.py"))
    parameters = module["PARAMETERS"]
    assert set(parameters.values()) <= SETTINGS[kind] | {"use_sim_time"}
    node, _, _ = started(kind, **dict.fromkeys(parameters, "007"))
    (values,) = node["parameters"][1:]
    assert set(values) == set(parameters.values())
    assert values["map_path"] == "007", "a text stays one, whatever YAML would make of it"


@BOTH
def test_topics_namespace_and_log_level(started, kind):
    node, _, _ = started(kind, image_topic="/front", namespace="robot1", log_level="debug")
    topics = dict(node["remappings"])
    assert topics["image"] == "/front"
    assert "camera_info" not in topics, "it is beside the images"
    assert node["namespace"] == "robot1"
    assert node["ros_arguments"] == ["--log-level", "debug"]
    topics = dict(started(kind, camera_info_topic="/front/info")[0]["remappings"])
    assert topics["camera_info"] == "/front/info"


@BOTH
def test_it_brings_itself_to_active_unless_somebody_else_does(started, kind):
    for text in ("true", "false"):
        _, handlers, context = started(kind, autostart=text)
        conditions = [each.named["condition"].positional[0] for each in handlers]
        assert [each.perform(context) for each in conditions] == [text, text]
    kinds = [type(each.positional[0]).__name__ for each in handlers]
    assert kinds == ["OnProcessStart", "OnStateTransition"]


@BOTH
def test_the_parameter_file_names_real_parameters(kind):
    written = yaml.safe_load((ROOT / "config" / f"{FILES[kind]}.yaml").read_text("utf-8"))
    assert set(written["/**"]["ros__parameters"]) <= SETTINGS[kind] | {"use_sim_time"}
