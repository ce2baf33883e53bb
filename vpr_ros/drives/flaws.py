# SPDX-License-Identifier: Apache-2.0
"""What readers of recorded drives do about flaws, and about a library that is not installed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from vpr_ros.errors import ConfigError, VprError

_LOGGER = logging.getLogger(__name__)

OnError = Callable[[VprError], None]  # called with what was skipped and why


def log_error(error: VprError) -> None:
    """Log what was skipped: what is done where nobody else listens."""
    _LOGGER.warning("skipped: %s", error)


def located(error: VprError, where: str) -> VprError:
    """The same error with the place where it happened."""
    return type(error)(f"{where}: {error}")


@contextmanager
def needs_rosbags() -> Iterator[None]:
    """For imports of rosbags where it is used, as robots need none; ConfigError without it."""
    try:
        yield
    except ImportError as error:
        raise ConfigError(f"{error}: bags need it: pip install rosbags") from error
