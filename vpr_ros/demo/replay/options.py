# SPDX-License-Identifier: Apache-2.0
"""The command line of the replay."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path


def parse_options(arguments: Sequence[str]) -> argparse.Namespace:
    """The words after the program's name; bad ones end the process with exit code 2."""
    parser = argparse.ArgumentParser(prog="replay", description="Play a rosbag2 over DDS.")
    parser.add_argument("bag", type=Path, help="folder of a rosbag2, or one .mcap or .db3 file")
    parser.add_argument("--rate", type=_positive, default=1.0, help="speed, 1 = as recorded")
    parser.add_argument(
        "--clock", type=_positive, nargs="?", const=40.0, metavar="HZ",
        help="also publish the replayed time on /clock (40 Hz if no number is given)",
    )  # fmt: skip
    parser.add_argument("--loop", action="store_true", help="begin again at the end, until stopped")
    parser.add_argument("--topics", nargs="+", metavar="TOPIC", help="play only these")
    parser.add_argument(
        "--start-offset", type=_not_negative, default=0.0, metavar="S",
        help="seconds of the recording to leave out at its start",
    )  # fmt: skip
    parser.add_argument(
        "--wait-for-subscribers", type=_not_negative, default=5.0, metavar="S",
        help="seconds to wait for subscribers before the first message (default 5)",
    )  # fmt: skip
    return parser.parse_args(arguments)


def _positive(text: str) -> float:
    value = float(text)
    if not 0.0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} must be above 0")
    return value


def _not_negative(text: str) -> float:
    value = float(text)
    if not 0.0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} must be 0 or more")
    return value
