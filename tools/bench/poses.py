# SPDX-License-Identifier: Apache-2.0
"""What measured poses cost and how good they are, on rendered drives or on bags of one's own.

    python tools/bench/poses.py [--bags MAP_BAG QUERY_BAG] [--truth TOPIC] [--folder FOLDER]

Processor time of a frame of the second drive, answered in the map of the first one: accepted with
and without a pose, and not accepted; errors where the bags have a topic of true poses. Without
bags, the demonstration's drives are rendered into FOLDER.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections import defaultdict
from contextlib import closing
from pathlib import Path

import numpy as np
from recorded import Table, mapped, percent, say

from vpr_ros.config import PipelineConfig, with_settings
from vpr_ros.datatypes import Recognition, Verdict
from vpr_ros.drives.bag_reader import BagReader
from vpr_ros.evaluation.judge import Truth
from vpr_ros.evaluation.metrics.pose_errors import PERCENTS, PoseErrors, pose_errors
from vpr_ros.pipeline import Pipeline, build
from vpr_ros.simulation import write_drive

_WARM_UP = 5  # frames that are not counted


def main() -> None:
    options = parsed()
    bags = options.bags
    if bags is None:
        rendered = write_drive(options.folder)
        bags = rendered.map_bag, rendered.query_bag
    table = Table("points", "accepted, ms", "not accepted, ms", "accepted", "with a pose")
    costs = {}
    for points in ("none", "sift"):
        pipeline = build(with_settings(PipelineConfig(), {"points": points}))
        times, errors = driven(pipeline, *bags, options.truth)
        costs[points] = median(times[True])
        row = (f"{costs[points]:.1f}", f"{median(times[False]):.1f}")
        table.row(points, *row, errors.accepted, percent(errors.measured, errors.accepted))
    ratio = costs["sift"] / costs["none"]
    say(f"an accepted frame with its pose takes {ratio:.2f} times the one without")
    if len(errors.normalized):
        said(errors)


def driven(
    pipeline: Pipeline, map_bag: Path, query_bag: Path, truth: str
) -> tuple[dict[bool, list[float]], PoseErrors]:
    """Milliseconds of accepted frames and of others, and the errors of their poses."""
    times: dict[bool, list[float]] = defaultdict(list)
    answers: list[Recognition] = []
    with tempfile.TemporaryDirectory() as folder, BagReader(map_bag) as first:
        path = Path(folder) / "route.vprmap"
        mapped(pipeline, path, first.frames())
        with BagReader(query_bag) as second, closing(pipeline.open_session(path)) as session:
            for frame in second.frames():
                begun = time.process_time()
                answer = session.step(frame).recognition
                taken = 1e3 * (time.process_time() - begun)
                times[answer.verdict is Verdict.ACCEPTED].append(taken)
                answers.append(answer)
            bags = (first, second)
            known = Truth(*(bag.trajectory(truth) if truth in bag.topics else [] for bag in bags))
            pose_of = session.maps.searched.table.pose_of
            return times, pose_errors(answers, pose_of, known.map_pose, known.query_pose)


def median(times: list[float]) -> float:
    return statistics.median(times[_WARM_UP:] or times or [float("nan")])


def said(errors: PoseErrors) -> None:
    meters, radians = errors.percentiles
    for each in zip(PERCENTS, meters, np.degrees(radians), strict=True):
        say("{:g} % within {:.3f} m and {:.2f} degrees".format(*each))
    say(f"{100 * errors.consistent:.1f} % within the 99 % bounds of their covariance")


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bags", nargs=2, type=Path, metavar=("MAP_BAG", "QUERY_BAG"))
    parser.add_argument("--truth", default="/ground_truth/pose", metavar="TOPIC")
    parser.add_argument("--folder", type=Path, default=Path("build/demo/drive"))
    return parser.parse_args()


if __name__ == "__main__":
    main()
