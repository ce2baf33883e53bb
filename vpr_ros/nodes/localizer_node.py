# SPDX-License-Identifier: Apache-2.0
"""Entry point of the localizer node."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from vpr_ros.config import LocalizerConfig
from vpr_ros.nodes.runner import run

if TYPE_CHECKING:
    from vpr_ros.nodes.place_node import PlaceNode


def localizer() -> PlaceNode:
    """The node with its own defaults."""
    # Imported here so that a missing vpr_msgs is one line for people, not a traceback.
    from vpr_ros.nodes.place_node import PlaceNode

    return PlaceNode("localizer", LocalizerConfig())


def main() -> int:
    """Run the localizer until it is interrupted."""
    return run(localizer)


if __name__ == "__main__":
    sys.exit(main())
