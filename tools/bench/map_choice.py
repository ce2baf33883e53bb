# SPDX-License-Identifier: Apache-2.0
"""Which map am I in: floors of one building, each a map, told apart by prototypes.

    python tools/bench/map_choice.py FOLDER [--method NAME]

The folder's ``manifest.csv`` has the columns image, floor, clip, second and split. A place is right
in the same clip and at most three seconds away. Times are medians, without describing the query.
"""

from __future__ import annotations

import argparse
import csv
import heapq
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

import numpy as np

from vpr_ros.config import METHODS, PipelineConfig, with_settings
from vpr_ros.datatypes import Keyframe, KeyframeRecord
from vpr_ros.images import read_image
from vpr_ros.pipeline import Pipeline, build
from vpr_ros.place_map import MapSet, PlaceMap

_NEAR = 3  # seconds
_DEPTH = 10  # keyframes retrieved, as by default

Row = dict[str, str]
Found = list[tuple[KeyframeRecord, float]]
Result = TypeVar("Result")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--method", action="append", choices=METHODS)
    options = parser.parse_args()
    with (options.folder / "manifest.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for method in options.method or ["hog_sift"]:
        with tempfile.TemporaryDirectory() as scratch:
            line = build(with_settings(PipelineConfig(), {"method": method}))
            for text in measured(line, options.folder, rows, Path(scratch)):
                sys.stdout.write(text + "\n")


def measured(line: Pipeline, folder: Path, rows: Sequence[Row], scratch: Path) -> list[str]:
    """What one method makes of all queries, in words."""
    numbers = {id(row): number for number, row in enumerate(rows)}
    floors = sorted({row["floor"] for row in rows})
    with ExitStack() as opened:
        for floor in floors:
            shown = [row for row in rows if (row["floor"], row["split"]) == (floor, "database")]
            learn(line, scratch / f"{floor}.vprmap", folder, [(numbers[id(r)], r) for r in shown])
        maps = [opened.enter_context(line.open_map(scratch / f"{f}.vprmap")) for f in floors]
        joined = MapSet(maps[0], maps[1:])
        queries = [row for row in rows if row["split"] == "queries"]
        answers = [answer(line, folder, row, joined, maps, rows) for row in queries]
        kept = sum(len(each.prototypes()) for each in maps)
    table = {name: np.array([each[name] for each in answers]) for name in answers[0]}
    mean = {name: float(values.mean()) for name, values in table.items()}
    differing = int(table["differs"].sum())
    own, all_maps = (1e3 * float(np.median(table[name])) for name in ("seconds", "seconds_all"))
    return [
        f"{line.description}: {len(queries)} queries, {len(floors)} maps, {kept} prototypes",
        f"  map recall @1 {mean['map@1']:.3f}  @3 {mean['map@3']:.3f}  by the best place "
        f"{mean['map by place']:.3f}",
        f"  place recall @1 {mean['place@1']:.3f}  @5 {mean['place@5']:.3f}; all maps "
        f"{mean['all@1']:.3f}, {mean['all@5']:.3f}; answers that differ {differing}",
        f"  milliseconds {own:.3f}; all maps {all_maps:.3f}",
    ]


def learn(line: Pipeline, path: Path, folder: Path, shown: Sequence[tuple[int, Row]]) -> None:
    """One floor; stamps are the numbers of the manifest's rows."""
    with line.continue_map(path) as place_map:
        for number, row in shown:
            features = line.extractor.extract(read_image(folder / row["image"]))
            place_map.append(Keyframe(number, features))
        place_map.commit()
        place_map.keep_prototypes()


def answer(
    line: Pipeline,
    folder: Path,
    row: Row,
    joined: MapSet,
    maps: Sequence[PlaceMap],
    rows: Sequence[Row],
) -> dict[str, float]:
    """What is found of one query, and how long it took."""
    query = line.extractor.extract(read_image(folder / row["image"])).global_descriptor

    def every() -> Found:
        found = [each for one in maps for each in one.search(query, _DEPTH)]
        return heapq.nsmallest(_DEPTH, found, key=lambda each: -each[1])

    found, seconds = timed(lambda: joined.search(query, _DEPTH))
    expected, seconds_all = timed(every)
    shares = joined.shares()
    assert shares is not None  # a search was made
    ranked = sorted(shares.probabilities, key=lambda path: -shares.probabilities[path])
    own = [Path(path).stem == row["floor"] for path in ranked]
    right, right_all = ([is_right(row, rows[r.stamp_ns]) for r, _ in f] for f in (found, expected))
    return {
        "map@1": own[0],
        "map@3": any(own[:3]),
        "map by place": rows[found[0][0].stamp_ns]["floor"] == row["floor"],
        "place@1": right[0],
        "place@5": any(right[:5]),
        "all@1": right_all[0],
        "all@5": any(right_all[:5]),
        "differs": [s for _, s in found] != [s for _, s in expected],
        "seconds": seconds,
        "seconds_all": seconds_all,
    }


def is_right(row: Row, other: Row) -> bool:
    return row["clip"] == other["clip"] and abs(int(row["second"]) - int(other["second"])) <= _NEAR


def timed(task: Callable[[], Result]) -> tuple[Result, float]:
    began = time.perf_counter()
    result = task()
    return result, time.perf_counter() - began


if __name__ == "__main__":
    main()
