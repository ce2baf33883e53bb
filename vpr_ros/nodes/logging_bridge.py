# SPDX-License-Identifier: Apache-2.0
"""What the library logs through ``logging`` appears in the node's own log."""

from __future__ import annotations

import logging

from rclpy.impl.rcutils_logger import RcutilsLogger


class LoggingBridge(logging.Handler):
    """Hands records of the ``vpr_ros`` logger to a ROS logger."""

    def __init__(self, logger: RcutilsLogger) -> None:
        super().__init__()
        self._logger = logger

    def emit(self, record: logging.LogRecord) -> None:
        """Log at the record's level; rclpy allows one level per call site, hence four calls."""
        try:
            text = self.format(record)
        except Exception:  # a wrong format string must not stop who logs it
            self.handleError(record)
            return
        if record.levelno >= logging.ERROR:
            self._logger.error(text)
        elif record.levelno >= logging.WARNING:
            self._logger.warning(text)
        elif record.levelno >= logging.INFO:
            self._logger.info(text)
        else:
            self._logger.debug(text)
