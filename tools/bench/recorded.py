# SPDX-License-Identifier: Apache-2.0
"""What the benches on recorded drives share: their options, their mapping, and their tables."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from vpr_ros.config import MAP, PipelineConfig
from vpr_ros.datatypes import Frame, LoopClosure
from vpr_ros.pipeline import Pipeline
from vpr_ros.place_map import KeyframeTable

BASELINE = PipelineConfig(method="hog_sift")  # what these benches measure
PHOTOS_PER_SECOND = 1.0  # folders: nobody knows, so one photo a second and two of them one place
PHOTO_SETTINGS = {"decision.place_seconds": 2.5, "keyframes.view_change": 0.0}


def drive_options(text: str) -> argparse.ArgumentParser:
    """Which drives to measure; ``text`` says what for."""
    parser = argparse.ArgumentParser(description=text.splitlines()[0])
    parser.add_argument("--kitti", nargs=2, type=Path, metavar=("MAP_BAG", "QUERY_BAG"))
    parser.add_argument("--corridor", type=Path, metavar="FOLDER")
    return parser


def cached_drive_options(text: str) -> argparse.Namespace:
    """The same and more, for drives whose images are described once; the cache is there then."""
    parser = drive_options(text)
    parser.add_argument("--walk", type=Path, metavar="FOLDER")
    parser.add_argument("--cache", type=Path, default=Path("build/sequence"))
    options = parser.parse_args()
    options.cache.mkdir(parents=True, exist_ok=True)
    return options


def mapped(
    pipeline: Pipeline, path: Path, frames: Iterable[Frame]
) -> tuple[KeyframeTable, list[LoopClosure]]:
    """Add a drive to a map, as a mapper does: all keyframes then, and the loops that it closed."""
    with closing(pipeline.open_session(path, MAP)) as session:
        outcomes = (session.step(frame) for frame in frames)
        closures = [outcome.closure for outcome in outcomes if outcome.closure]
        session.finish()
        return session.maps.place_map.table, closures


def corridor_truth(folder: Path) -> dict[int, set[int]]:
    """Photo -> the photos that show its place."""
    truth = json.loads((folder / "positives.json").read_text())
    return {int(photo): set(others) for photo, others in truth.items()}


def photo_number(stamp_ns: int) -> int:
    """The position of a photo in its folder."""
    return round(stamp_ns * PHOTOS_PER_SECOND / 1e9)


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


class Table:
    """Rows of Markdown, each said as soon as it is there."""

    def __init__(self, *names: str) -> None:
        self._widths = [max(len(name), 8) for name in names]
        self.row(*names)
        say("|" + "---|" * len(names))

    def row(self, *cells: object) -> None:
        """One value for each column."""
        padded = (str(cell).ljust(width) for cell, width in zip(cells, self._widths, strict=True))
        say(f"| {' | '.join(padded)} |")


def percent(part: float, whole: float) -> str:
    """A share, or that there is none."""
    return f"{100 * part / whole:.1f} %" if whole else "-"
