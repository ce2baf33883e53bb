# SPDX-License-Identifier: Apache-2.0
"""The launch files start the nodes, bring them to active by themselves and end them cleanly."""

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from vpr_ros import pipeline
from vpr_ros.config import LocalizerConfig

ROOT = Path(__file__).parents[2]
DESCRIPTIONS = {"mapper": "map", "localizer": "localize"}  # node -> its files
LIMIT = 60.0  # seconds

# Launches a file inside another one, which sets the time as a simulation's does, if told so.
LAUNCH = """
import os, sys
from launch import LaunchDescription, LaunchService
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource

arguments = [word.split(":=", 1) for word in sys.argv[2:]]
source = PythonLaunchDescriptionSource(sys.argv[1])
actions = [IncludeLaunchDescription(source, launch_arguments=arguments)]
if "PARENT_SIM_TIME" in os.environ:
    from launch_ros.actions import SetParameter
    actions.insert(0, SetParameter("use_sim_time", True))
service = LaunchService()
service.include_launch_description(LaunchDescription(actions))
sys.exit(service.run())
"""


def needs_launch():
    reason = "launch files need ros-<distro>-launch-ros, of which there is no wheel"
    pytest.importorskip("launch_ros", reason=reason)
    pytest.importorskip("rclpy", reason=reason)


@pytest.fixture
def caller():
    """Calls services of the launched nodes, on a domain of this test run."""
    needs_launch()
    import rclpy
    from rclpy.signals import SignalHandlerOptions

    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    caller = Caller(rclpy)
    yield caller
    caller.node.destroy_node()
    rclpy.try_shutdown()


class Caller:
    """A node that asks other nodes."""

    def __init__(self, rclpy):
        self.rclpy = rclpy
        self.node = rclpy.create_node("launch_test", start_parameter_services=False)

    def ask(self, kind, service, request):
        client = self.node.create_client(kind, service)
        assert client.wait_for_service(timeout_sec=LIMIT), f"no service {service}"
        future = client.call_async(request)
        self.rclpy.spin_until_future_complete(self.node, future, timeout_sec=LIMIT)
        self.node.destroy_client(client)
        assert future.done(), f"no answer from {service}"
        return future.result()

    def state(self, name):
        from lifecycle_msgs.srv import GetState

        return self.ask(GetState, f"{name}/get_state", GetState.Request()).current_state.label

    def wait_until_active(self, name):
        end, label = time.monotonic() + LIMIT, ""
        while label != "active":
            assert time.monotonic() < end, f"{name} is still {label}"
            label = self.state(name)
            time.sleep(0.05)

    def parameters(self, name, *wanted):
        from rcl_interfaces.srv import GetParameters

        request = GetParameters.Request(names=list(wanted))
        return self.ask(GetParameters, f"{name}/get_parameters", request).values

    def listens_to(self, topic):
        end = time.monotonic() + LIMIT
        while time.monotonic() < end:
            if self.node.count_subscribers(topic):
                return True
            time.sleep(0.05)
        return False


@contextmanager
def launched(kind, log, **arguments):
    """The launch file as a process; gives a function that interrupts it and returns its code."""
    path = ROOT / "launch" / f"{DESCRIPTIONS[kind]}.launch.py"
    words = [f"{name}:={value}" for name, value in arguments.items()]
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", LAUNCH, str(path), *words],
            stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    try:
        yield lambda: interrupted(process)
    finally:
        if process.poll() is None:
            interrupted(process)


def interrupted(process):
    process.send_signal(signal.SIGINT)
    try:
        return process.wait(LIMIT)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise


def test_mapper(caller, tmp_path):
    log, path = tmp_path / "log", tmp_path / "route.vprmap"
    arguments = {"map": path, "image_topic": "/front/image", "odom_topic": "/wheels"}
    arguments |= {"session": "monday", "reliability": "reliable", "use_sim_time": "true"}
    with launched("mapper", log, **arguments) as interrupt:
        caller.wait_until_active("/mapper")
        assert path.exists()
        wanted = ("map_path", "session", "reliability", "use_sim_time", "pose_type")
        found = caller.parameters("/mapper", *wanted)
        values = [value.string_value or value.bool_value for value in found]
        assert values == [str(path), "monday", "reliable", True, "odometry"]
        assert caller.listens_to("/front/image")
        assert caller.listens_to("/wheels")
        assert caller.listens_to("/front/camera_info")
        assert interrupt() == 0
    assert_clean_end(log)
    assert [file.name for file in tmp_path.glob("route*")] == ["route.vprmap"]


def test_localizer_in_a_namespace_with_a_parameter_file(caller, tmp_path):
    log, path, params = tmp_path / "log", tmp_path / "route.vprmap", tmp_path / "params.yaml"
    pipeline.build(LocalizerConfig()).continue_map(path).close()
    values = {"decision.candidates": 7, "reliability": "reliable"}
    params.write_text(yaml.safe_dump({"/**": {"ros__parameters": values}}))
    arguments = {"map": path, "namespace": "robot1", "params_file": params}
    with launched("localizer", log, reliability="best_effort", **arguments) as interrupt:
        caller.wait_until_active("/robot1/localizer")
        found = caller.parameters("/robot1/localizer", "decision.candidates", "reliability")
        assert found[0].integer_value == 7
        assert found[1].string_value == "best_effort"  # an argument outdoes the file
        assert caller.listens_to("/camera/image_raw")
        assert interrupt() == 0
    assert_clean_end(log)


@pytest.mark.parametrize("where", ["file", "parent"])
def test_the_time_is_what_the_file_or_the_launch_around_it_says(
    where, caller, tmp_path, monkeypatch
):
    log, params = tmp_path / "log", tmp_path / "params.yaml"
    arguments = {"autostart": "false", "log_level": "warn"}
    if where == "file":
        params.write_text(yaml.safe_dump({"/**": {"ros__parameters": {"use_sim_time": True}}}))
        arguments["params_file"] = params
    else:
        monkeypatch.setenv("PARENT_SIM_TIME", "")
    with launched("mapper", log, **arguments) as interrupt:
        (value,) = caller.parameters("/mapper", "use_sim_time")
        assert value.bool_value
        assert caller.state("/mapper") == "unconfigured"
        assert interrupt() == 0
    assert_clean_end(log)


def test_localizer_without_a_map_says_so(caller, tmp_path):
    log, path = tmp_path / "log", tmp_path / "none.vprmap"
    with launched("localizer", log, map=path) as interrupt:
        end = time.monotonic() + LIMIT
        while f"{path}: no such map" not in log.read_text():
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.05)
        assert interrupt() == 0


def assert_clean_end(log):
    text = log.read_text()
    assert "process has finished cleanly" in text
    assert "Traceback" not in text
