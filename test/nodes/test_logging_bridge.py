# SPDX-License-Identifier: Apache-2.0
"""What the library logs arrives in the ROS log, at its level and in its words."""

import logging

import pytest
import rclpy.logging

from vpr_ros.nodes.logging_bridge import LoggingBridge


class Heard:
    """Stands in for a node's logger and keeps what it is told."""

    def __init__(self):
        self.lines = []

    def __getattr__(self, level):
        return lambda text: self.lines.append((level, text))


@pytest.fixture
def log():
    """A logger of the library by itself."""
    log = logging.Logger("vpr_ros.test", logging.DEBUG)
    log.propagate = False
    return log


@pytest.fixture
def heard(log):
    heard = Heard()
    log.addHandler(LoggingBridge(heard))
    return heard


@pytest.mark.parametrize(("level", "name"), [
    (logging.DEBUG, "debug"), (logging.INFO, "info"), (logging.INFO + 5, "info"),
    (logging.WARNING, "warning"), (logging.ERROR, "error"), (logging.CRITICAL, "error"),
])  # fmt: skip
def test_levels_stay_what_they_are(log, heard, level, name):
    log.log(level, "said")
    assert heard.lines == [(name, "said")]


def test_arguments_are_filled_in(log, heard):
    log.warning("%d of %s", 3, "four")
    assert heard.lines == [("warning", "3 of four")]


def test_text_that_looks_like_a_format_is_text(log, heard):
    log.info("100 %s {x} %%")
    assert heard.lines == [("info", "100 %s {x} %%")]


def test_an_exception_brings_its_traceback(log, heard):
    try:
        raise ValueError("broken frame")
    except ValueError:
        log.exception("skipped")
    ((level, text),) = heard.lines
    assert level == "error"
    assert text.startswith("skipped\n")
    assert "ValueError: broken frame" in text


def test_a_wrong_format_does_not_stop_who_logs(log, heard, monkeypatch):
    monkeypatch.setattr(logging, "raiseExceptions", False)
    log.warning("%d frames", "many")
    log.warning("next")
    assert heard.lines == [("warning", "next")]


def test_a_real_ros_logger_takes_every_level_in_any_order(log, capfd):
    logger = rclpy.logging.get_logger("bridge_test")
    logger.set_level(rclpy.logging.LoggingSeverity.DEBUG)
    log.addHandler(LoggingBridge(logger))
    for _ in range(2):
        for level in (logging.ERROR, logging.DEBUG, logging.WARNING, logging.INFO):
            log.log(level, "level %d, 100%%s", level)
    output = capfd.readouterr()
    for level in (10, 20, 30, 40):
        assert (output.out + output.err).count(f"level {level}, 100%s") == 2
