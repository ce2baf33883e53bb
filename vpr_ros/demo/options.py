# SPDX-License-Identifier: Apache-2.0
"""The command line of the demonstration."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vpr_ros.errors import ConfigError


@dataclass(frozen=True)
class Options:
    """What to drive and where to leave the results."""

    map_bag: Path | None  # None: the simulated drive
    query_bag: Path | None
    image_topic: str  # empty: found by type
    pose_topic: str
    truth_topic: str
    rate: float  # recorded seconds per real second
    out: Path  # folder of demo.png, demo.html and demo.json; everything else goes into its demo/

    def __post_init__(self) -> None:
        if (self.map_bag is None) != (self.query_bag is None):
            raise ConfigError("--map-bag and --query-bag belong together: give both or neither")
        if not 0.0 < self.rate <= 100.0:
            raise ConfigError(f"--rate {self.rate:g} must be above 0 and at most 100")

    @property
    def simulated(self) -> bool:
        """Whether the drive is rendered by the project itself."""
        return self.map_bag is None

    @property
    def scratch(self) -> Path:
        """Where the simulated drive, the map and the nodes' logs go."""
        return self.out / "demo"


def parse_options(arguments: Sequence[str] | None) -> Options:
    """The options; bad words end the process with exit code 2.

    Raises:
        ConfigError: a value cannot work.
    """
    parser = argparse.ArgumentParser(
        prog="demo", description="Learn a route from one drive and find yourself on it in another."
    )
    parser.add_argument("--map-bag", type=Path, help="rosbag2 of the drive that becomes the map")
    parser.add_argument("--query-bag", type=Path, help="rosbag2 of the drive that is localized")
    for kind in ("image", "pose", "truth"):
        help_text = f"{kind} topic of the bags, where it cannot be told by its type"
        parser.add_argument(f"--{kind}-topic", default="", help=help_text)
    parser.add_argument("--rate", type=float, default=1.0, help="replay speed, 1 = as recorded")
    parser.add_argument("--out", type=Path, default=Path("build"), help="folder for the results")
    return Options(**vars(parser.parse_args(arguments)))
