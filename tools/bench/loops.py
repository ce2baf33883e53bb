# SPDX-License-Identifier: Apache-2.0
"""Loop closures of recorded drives, counted against the truth; ``hog_sift``.

    python tools/bench/loops.py --kitti MAP_BAG QUERY_BAG --corridor FOLDER

The KITTI bags are mapped one after the other into one map, as two sessions, with odometry's poses;
a closure is right within 10 m of ground truth. The corridor's photos are mapped in one session
without odometry; a closure is right if its ``positives.json`` says so.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from sequence_drives import BASELINE, PHOTO_SETTINGS, PHOTOS_PER_SECOND

from vpr_ros.config import with_settings
from vpr_ros.datatypes import Frame
from vpr_ros.drives.bag_reader import BagReader
from vpr_ros.drives.image_folder import ImageFolder
from vpr_ros.evaluation.judge import Truth
from vpr_ros.pipeline import Pipeline, build
from vpr_ros.place_map import PlaceMap
from vpr_ros.route.loop_closer import LoopCloser, loop_closure

Pair = tuple[int, int]  # stamps of two keyframes in nanoseconds, the later one first


def main() -> None:
    options = parsed()
    head = ("drive", "keyframes", "could close", "closed", "of them right", "precision", "recall")
    rows = [head]
    with tempfile.TemporaryDirectory() as scratch:
        if options.kitti:
            rows.extend(kitti(*options.kitti, Path(scratch)))
        if options.corridor:
            rows.append(corridor(options.corridor, Path(scratch)))
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        sys.stdout.write("  ".join(cells).rstrip() + "\n")


def kitti(map_bag: Path, query_bag: Path, scratch: Path) -> Iterator[tuple[str, ...]]:
    line = build(BASELINE)
    with line.continue_map(scratch / "kitti.vprmap") as place_map:
        tracks = {}
        for bag in (map_bag, query_bag):
            with BagReader(bag) as reader:
                frames = reader.frames(pose_topic="/odom")
                closures, kept, candidates = driven(line, place_map, frames)
                tracks[bag] = reader.trajectory("/ground_truth/pose")
            right, possible = count(closures, kept, candidates, near(list(tracks.values())))
            yield row(bag.name, kept, possible, closures, right)


def corridor(folder: Path, scratch: Path) -> tuple[str, ...]:
    line = build(with_settings(BASELINE, PHOTO_SETTINGS))
    truth = json.loads((folder / "positives.json").read_text())
    positives = {int(frame): set(others) for frame, others in truth.items()}

    def is_right(later_ns: int, earlier_ns: int) -> bool:
        later, earlier = (round(each * PHOTOS_PER_SECOND / 1e9) for each in (later_ns, earlier_ns))
        return earlier in positives.get(later, set())

    frames = ImageFolder(folder / "images", PHOTOS_PER_SECOND).frames()
    with line.continue_map(scratch / "corridor.vprmap") as place_map:
        closures, kept, candidates = driven(line, place_map, frames)
    right, possible = count(closures, kept, candidates, is_right)
    return row(folder.name, kept, possible, closures, right)


def driven(
    line: Pipeline, place_map: PlaceMap, frames: Iterable[Frame]
) -> tuple[list[Pair], list[int], dict[int, list[int]]]:
    """As a mapper drives: closures, stamps of keyframes, and what each of them might close."""
    builder, recognizer = line.map_builder(place_map), line.recognizer(place_map)
    loops, closures, kept_ns = LoopCloser(line.config.loops), [], []
    candidates = {}
    for frame in frames:
        kept = builder.offer(frame)
        if kept is None:
            continue
        loops.add(kept.keyframe_id, frame.stamp_ns, frame.pose)
        recent = set(loops.recent(frame.stamp_ns, frame.pose))
        records = place_map.records()
        candidates[frame.stamp_ns] = [r.stamp_ns for r in records if r.keyframe_id not in recent]
        kept_ns.append(frame.stamp_ns)
        answer = recognizer.answer(kept.keyframe.features, frame.stamp_ns, frame.pose, recent)
        closure = loop_closure(kept.keyframe_id, answer)
        if closure is not None:
            closures.append((closure.stamp_ns, closure.match.keyframe.stamp_ns))
    builder.finish()
    return closures, kept_ns, candidates


def near(tracks: list) -> Callable[[int, int], bool]:
    """Whether the robot was within 10 m at two stamps, whichever drive they are of."""
    judges = [Truth(before, after) for before in tracks for after in tracks]
    return lambda later, earlier: any(judge.is_right(later, earlier) is True for judge in judges)


def count(
    closures: list[Pair],
    kept: list[int],
    candidates: dict[int, list[int]],
    is_right: Callable[[int, int], bool],
) -> tuple[int, int]:
    """Right closures, and keyframes that might have closed one."""
    right = sum(is_right(*closure) for closure in closures)
    possible = sum(any(is_right(each, other) for other in candidates[each]) for each in kept)
    return right, possible


def row(
    name: str, kept: list[int], possible: int, closures: list[Pair], right: int
) -> tuple[str, ...]:
    precision = f"{right / len(closures):.3f}" if closures else "-"
    recall = f"{right / possible:.3f}" if possible else "-"
    counts = (len(kept), possible, len(closures), right)
    return (name, *map(str, counts), precision, recall)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--kitti", nargs=2, type=Path, metavar=("MAP_BAG", "QUERY_BAG"))
    parser.add_argument("--corridor", type=Path, metavar="FOLDER")
    return parser.parse_args()


if __name__ == "__main__":
    main()
