# SPDX-License-Identifier: Apache-2.0
"""The main job on one command: learn a route from a drive, find yourself on it in the next one."""

from __future__ import annotations

from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demonstration; see ``vpr_ros.nodes.demo.program``."""
    # Imported here so that the parts that need no ROS can be used where there is none.
    from vpr_ros.nodes.demo.program import main as run

    return run(arguments)
