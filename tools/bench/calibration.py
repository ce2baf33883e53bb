# SPDX-License-Identifier: Apache-2.0
"""How far verdicts can be trusted: single images, the map's own calibration, no other setting.

    python tools/bench/calibration.py --kitti MAP_BAG QUERY_BAG --corridor FOLDER --walk FOLDER

Prints for each drive and each decision.target_precision: the score that was needed, precision and
recall of the accepted answers, the expected calibration error of all answers, and the area under
their risk-coverage curve. Descriptions of images are kept in the folder that --cache names.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from sequence_drives import Drive, corridor, kitti, picture, walk

from vpr_ros.datatypes import Recognition, Verdict
from vpr_ros.evaluation.metrics import expected_calibration_error, risk_coverage
from vpr_ros.pipeline import Pipeline, build
from vpr_ros.place_map import PlaceMap

PRECISIONS = (0.9, 0.99, 0.999)


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def answers(drive: Drive, pipeline: Pipeline, place_map: PlaceMap) -> list[Recognition]:
    """Every image of a drive answered by itself."""
    recognizer = drive.recognizer(place_map, pipeline, None)
    return [
        recognizer.recognize(picture(number), stamp_ns)
        for number, stamp_ns in enumerate(drive.stamps_ns)
    ]


def report(drive: Drive) -> None:
    """One row for each target."""
    for target in PRECISIONS:
        pipeline = build(drive.config(**{"decision.target_precision": target}))
        with pipeline.open_map(drive.map_path) as place_map:
            calibration = pipeline.calibrator.of(place_map).calibration
            say(row(drive, answers(drive, pipeline, place_map), target, calibration))


def row(drive: Drive, given: list[Recognition], target: float, calibration: object) -> str:
    """The figures of one drive at one target."""
    firsts = [each.candidates[0] for each in given]
    right = np.array([drive.is_right(i, c.keyframe.stamp_ns) for i, c in enumerate(firsts)])
    positive = np.array([drive.has_positive(number) for number in range(len(given))])
    accepted = np.array([each.verdict is Verdict.ACCEPTED for each in given])
    ambiguous = sum(each.verdict is Verdict.AMBIGUOUS for each in given)
    precision = f"{100 * right[accepted].mean():5.1f} %" if accepted.any() else "      -"
    recall = (accepted & right & positive).sum() / positive.sum()
    error = expected_calibration_error([each.probability for each in given], right.tolist())
    # The score orders answers as their probability does, and goes on where that is 1.
    area = risk_coverage([c.comparison.score for c in firsts], right.tolist()).area
    return (
        f"| {drive.name:29} | {target:6g} | {calibration.needed_score(target):6.1f} | "
        f"{len(given):6} | {positive.sum():9} | {accepted.sum():8} | {ambiguous:9} | {precision} | "
        f"{100 * recall:5.1f} % | {error:.3f} | {area:.3f} |"
    )


def drives(args: argparse.Namespace) -> Iterator[Drive]:
    """All drives that were asked for; a walk's places are as long as its truth is lenient."""
    if args.kitti:
        for dim in (False, True):
            yield kitti(*args.kitti, args.cache, dim)
    if args.corridor:
        for mapped in (40, 30):
            yield corridor(args.corridor, args.cache, mapped)
    if args.walk:
        yield walk(args.walk, args.cache, 200, 2)
        yield replace_place(walk(args.walk, args.cache, 200, 4), 4.5)


def replace_place(drive: Drive, seconds: float) -> Drive:
    return replace(drive, settings={**drive.settings, "decision.place_seconds": seconds})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kitti", nargs=2, type=Path, metavar=("MAP_BAG", "QUERY_BAG"))
    parser.add_argument("--corridor", type=Path, metavar="FOLDER")
    parser.add_argument("--walk", type=Path, metavar="FOLDER")
    parser.add_argument("--cache", type=Path, default=Path("build/sequence"))
    args = parser.parse_args()
    args.cache.mkdir(parents=True, exist_ok=True)
    say(
        "| drive                         | target | needed | frames | positives | accepted | "
        "ambiguous | precision | recall | ECE | AURC |"
    )
    say("|---|---|---|---|---|---|---|---|---|---|---|")
    seconds = []
    for drive in drives(args):
        report(drive)
        pipeline = build(drive.config())
        with pipeline.open_map(drive.map_path) as place_map:
            started = time.perf_counter()
            record = pipeline.calibrator.of(place_map)
            took = time.perf_counter() - started
            seconds.append(f"{drive.name}: {took:.1f} s, {record.keyframes} keyframes")
    say("\ncalibrating: " + "; ".join(seconds))


if __name__ == "__main__":
    main()
