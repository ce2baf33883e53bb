# SPDX-License-Identifier: Apache-2.0
"""How far a build is, in the log."""

import logging

from vpr_ros.backends.tensorrt_progress import LoggedProgress


def test_now_and_then(caplog):
    caplog.set_level(logging.INFO, logger="vpr_ros")
    tell = LoggedProgress(every_s=0.0)
    tell("Building engine", 3, 7)
    assert caplog.messages == ["Building engine: 3 of 7 steps"]
    tell = LoggedProgress(every_s=60.0)
    tell("Building engine", 4, 7)
    assert len(caplog.messages) == 1
