# SPDX-License-Identifier: Apache-2.0
"""Loop closures of recorded drives, counted against the truth; ``hog_sift``.

    python tools/bench/loops.py --kitti MAP_BAG QUERY_BAG --corridor FOLDER

The KITTI bags are mapped one after the other into one map, as two sessions, with odometry's poses;
a closure is right within 10 m of ground truth. The corridor's photos are mapped in one session
without odometry; a closure is right if its ``positives.json`` says so.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path

import numpy as np
from recorded import (
    BASELINE,
    PHOTO_SETTINGS,
    PHOTOS_PER_SECOND,
    Table,
    corridor_truth,
    drive_options,
    mapped,
    percent,
    photo_number,
)

from vpr_ros.config import LoopConfig, with_settings
from vpr_ros.datatypes import LoopClosure
from vpr_ros.drives.bag_reader import BagReader
from vpr_ros.drives.image_files import ImageFolder
from vpr_ros.evaluation.judge import Truth
from vpr_ros.pipeline import build
from vpr_ros.place_map import KeyframeTable

Right = Callable[[int, int], bool]  # stamps of two keyframes, the later one first -> same place


def main() -> None:
    options = drive_options(__doc__).parse_args()
    names = ("keyframes", "could close", "closed", "of them right", "precision", "recall")
    table = Table(f"{'drive':20}", *names)
    with tempfile.TemporaryDirectory() as scratch:
        if options.kitti:
            for row in kitti(*options.kitti, Path(scratch)):
                table.row(*row)
        if options.corridor:
            table.row(*corridor(options.corridor, Path(scratch)))


def kitti(map_bag: Path, query_bag: Path, scratch: Path) -> Iterator[tuple[object, ...]]:
    pipeline, tracks = build(BASELINE), []
    for bag in (map_bag, query_bag):
        with BagReader(bag) as reader:
            frames = reader.frames(pose_topic="/odom")
            table, closures = mapped(pipeline, scratch / "kitti.vprmap", frames)
            tracks.append(reader.trajectory("/ground_truth/pose"))
        judges = [Truth(before, after) for before, after in product(tracks, repeat=2)]

        def is_right(later_ns: int, earlier_ns: int, judges: list[Truth] = judges) -> bool:
            return any(judge.is_right(later_ns, earlier_ns) is True for judge in judges)

        yield counted(bag.name, table, closures, is_right)


def corridor(folder: Path, scratch: Path) -> tuple[object, ...]:
    positives = corridor_truth(folder)

    def is_right(later_ns: int, earlier_ns: int) -> bool:
        return photo_number(earlier_ns) in positives.get(photo_number(later_ns), set())

    frames = ImageFolder(folder / "images", PHOTOS_PER_SECOND).frames()
    pipeline = build(with_settings(BASELINE, PHOTO_SETTINGS))
    table, closures = mapped(pipeline, scratch / "corridor.vprmap", frames)
    return counted(folder.name, table, closures, is_right)


def counted(
    name: str, table: KeyframeTable, closures: list[LoopClosure], is_right: Right
) -> tuple[object, ...]:
    """The figures of the last drive."""
    drive = table.drives[-1]
    possible = sum(
        any(is_right(int(table.stamps_ns[row]), stamp_ns) for stamp_ns in earlier(table, row))
        for row in range(drive.start, drive.stop)
    )
    right = sum(is_right(each.stamp_ns, each.match.keyframe.stamp_ns) for each in closures)
    count, closed = drive.stop - drive.start, len(closures)
    return name, count, possible, closed, right, percent(right, closed), percent(right, possible)


def earlier(table: KeyframeTable, row: int, loops: LoopConfig = BASELINE.loops) -> list[int]:
    """Stamps of the keyframes that one of the last drive may close a loop with, in ns."""
    drive = table.drives[-1]
    steps = np.linalg.norm(np.diff(table.positions[drive], axis=0), axis=1)
    way = np.array([0.0, *np.cumsum(steps)])  # meters; NaN without poses, so that time decides
    ages = (table.stamps_ns[row] - table.stamps_ns[drive]) * 1e-9
    recent = ages < loops.min_seconds
    recent |= way[row - drive.start] - way < loops.min_distance
    own = table.stamps_ns[drive][~recent]
    return [*table.stamps_ns[: drive.start].tolist(), *own.tolist()]


if __name__ == "__main__":
    main()
