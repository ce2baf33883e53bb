# SPDX-License-Identifier: Apache-2.0
"""The parameter files and the table of parameters say what vpr_ros/config says."""

import re
import runpy
from pathlib import Path

import pytest
import yaml

from vpr_ros.config import LocalizerConfig, MapperConfig, settings_of

ROOT = Path(__file__).parents[1]
GENERATOR = runpy.run_path(str(ROOT / "tools" / "generate_parameters.py"))
DEFAULTS = {"map": MapperConfig(), "localize": LocalizerConfig()}


def uncommented(kind: str) -> str:
    text = (ROOT / "config" / f"{kind}.yaml").read_text(encoding="utf-8")
    return re.sub(r"^    #(?=\S)", "    ", text, flags=re.MULTILINE)


@pytest.mark.parametrize("path", GENERATOR["files"](), ids=str)
def test_it_is_up_to_date(path):
    text = (ROOT / path).read_text(encoding="utf-8")
    assert text == GENERATOR["files"]()[path], f"run {GENERATOR['COMMAND']}"


@pytest.mark.parametrize("kind", DEFAULTS)
def test_every_parameter_is_there_with_its_default(kind):
    written = yaml.safe_load(uncommented(kind))["/**"]["ros__parameters"]
    defaults = {name: value for name, value, _ in settings_of(DEFAULTS[kind])}
    assert {name: tuple(v) if isinstance(v, list) else v for name, v in written.items()} == defaults
    assert list(map(type, written.values())).count(bool) > 3, "words for truth are not quoted"


@pytest.mark.parametrize("kind", DEFAULTS)
def test_ros_reads_it(kind, tmp_path):
    """As it is installed, and with every comment sign taken away."""
    rclpy = pytest.importorskip("rclpy", reason="reads the file as a node does")
    pytest.importorskip("vpr_msgs", reason="vpr_msgs is not built")
    from vpr_ros.nodes.parameters import declare_parameters, read_parameters

    whole = tmp_path / "whole.yaml"
    whole.write_text(uncommented(kind), encoding="utf-8")
    for path in (ROOT / "config" / f"{kind}.yaml", whole):
        context = rclpy.Context()
        rclpy.init(args=["--ros-args", "--params-file", str(path)], context=context)
        node = rclpy.create_node("reader", context=context, start_parameter_services=False)
        try:
            declare_parameters(node, DEFAULTS[kind])
            assert read_parameters(node, DEFAULTS[kind]) == DEFAULTS[kind]
        finally:
            node.destroy_node()
            context.try_shutdown()
