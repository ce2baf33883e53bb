# SPDX-License-Identifier: Apache-2.0
"""The library that reads and writes bags, imported where it is used: robots need none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from vpr_ros.errors import ConfigError


@contextmanager
def needs_rosbags() -> Iterator[None]:
    """For the imports of rosbags.

    Raises:
        ConfigError: it is not installed; the message tells how to.
    """
    try:
        yield
    except ImportError as error:
        raise ConfigError(f"{error}: bags need it: pip install rosbags") from error
