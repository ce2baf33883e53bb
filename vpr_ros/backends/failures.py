# SPDX-License-Identifier: Apache-2.0
"""What runtimes complain of at length, in one line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from vpr_ros.errors import BackendError


def first_line(error: Exception) -> str:
    """What an error says first; what is behind are mostly traces of somebody else's code."""
    return (str(error).splitlines() or [type(error).__name__])[0]


def run_failed(
    method: str, device: str, inputs: Mapping[str, NDArray[Any]], cause: str
) -> BackendError:
    """The error for a network that could not compute its outputs, with what it was given."""
    shapes = ", ".join(f"{name} {list(each.shape)}" for name, each in inputs.items())
    return BackendError(f"{method} on {device} failed for {shapes}: {cause}")
