# SPDX-License-Identifier: Apache-2.0
"""Whether the promise holds: every map asked by its own queries, and by those of all other places.

    python tools/bench/trust.py FOLDER [--method NAME] [--without NAME ...]

For each map, mode and promise: the score that single images need, and the least one that would
have kept the promise, with its recall; of its own queries the accepted ones, the share of them that
is right, whether that keeps the promise (no: 95 % sure that it does not), the recall, and how far
probabilities are from the shares that are right; of the queries of all other places the accepted
ones. ``places.py`` says what FOLDER may hold.
"""

from __future__ import annotations

import argparse
import math
import tempfile
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from places import Place, Shot, places_in
from recorded import Table, percent, say

from vpr_ros.config import MAP, PipelineConfig, with_settings
from vpr_ros.datatypes import Verdict
from vpr_ros.evaluation.metrics.curves import expected_calibration_error
from vpr_ros.pipeline import Pipeline, build

MODES, PRECISIONS = ("off", "filter"), (0.9, 0.99)
SAMPLE = 60  # images in a row of each other place
PAUSE_NS = 60_000_000_000  # between two places


@dataclass(frozen=True)
class Answer:
    """One answer held against the truth."""

    is_accepted: bool
    is_right: bool
    score: float
    probability: float


def main() -> None:
    options = parsed()
    pipeline = build(with_settings(PipelineConfig(), {"method": options.method}))
    places = list(places_in(options.folder, pipeline.extractor, options.without))
    say(f"{len(places)} places, {pipeline.description}")
    figures = ("needed", "least", "accepted", "right", "kept", "recall", "calibration error")
    table = Table(f"{'map':24}", "mode", "promise", *figures, "elsewhere", "accepted there")
    for place in places:
        others = elsewhere([other for other in places if other is not place])
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "place.vprmap"
            keyframes = mapped(pipeline, path, place)
            for mode in MODES:
                for promise in PRECISIONS:
                    settings = {"sequence.mode": mode, "decision.target_precision": promise}
                    config = with_settings(pipeline.config, settings)
                    measured = replace(pipeline, config=config)
                    row = figures_of(measured, path, place, keyframes, others)
                    table.row(place.name, mode, promise, *row)


def mapped(pipeline: Pipeline, path: Path, place: Place) -> dict[int, object]:
    """Make the map; returns where each keyframe was taken, by its stamp."""
    with closing(pipeline.open_session(path, MAP)) as session:
        for shot in place.mapped:
            session.step(shot.frame, shot.features)
        session.finish()
    return {shot.frame.stamp_ns: shot.where for shot in place.mapped}


def elsewhere(others: list[Place]) -> list[Shot]:
    """A drive through all other places, some images of each in a row."""
    shots, start_ns = [], 0
    for place in others:
        asked = place.asked[:SAMPLE]
        for shot in asked:
            stamp_ns = start_ns + shot.frame.stamp_ns - asked[0].frame.stamp_ns
            shots.append(replace(shot, frame=replace(shot.frame, stamp_ns=stamp_ns, pose=None)))
        start_ns = shots[-1].frame.stamp_ns + PAUSE_NS
    return shots


def figures_of(
    pipeline: Pipeline, path: Path, place: Place, keyframes: dict[int, object], others: list[Shot]
) -> tuple[object, ...]:
    """The figures of one map in one mode."""
    own = answers(pipeline, path, place, keyframes, place.asked)
    wrong = answers(pipeline, path, place, keyframes, others)
    known = list(keyframes.values())
    positives = sum(any(place.is_right(shot.where, each) for each in known) for shot in place.asked)
    accepted = [answer for answer in own if answer.is_accepted]
    right = sum(answer.is_right for answer in accepted)
    promise = pipeline.config.decision.target_precision
    with closing(pipeline.open_map(path)) as place_map:
        needed = pipeline.calibrator.of(place_map).calibration.needed_score(promise)
    return (
        f"{needed:.0f}",
        least(own, wrong, promise, positives),
        len(accepted),
        percent(right, len(accepted)),
        "no" if is_broken(promise, right, len(accepted)) else "yes",
        percent(right, positives),
        f"{calibration_error(own):.3f}",
        len(wrong),
        sum(answer.is_accepted for answer in wrong),
    )


def answers(
    pipeline: Pipeline, path: Path, place: Place, keyframes: dict[int, object], shots: list[Shot]
) -> list[Answer]:
    """The answers to images in their order, by the step that a robot takes."""
    is_own = shots is place.asked
    held = []
    with closing(pipeline.open_session(path)) as session:
        for shot in shots:
            answer = session.step(shot.frame, shot.features).recognition
            first = answer.candidates[0]
            where = keyframes[first.keyframe.stamp_ns]
            is_right = is_own and place.is_right(shot.where, where)
            score = first.comparison.score if first.comparison else 0.0
            is_accepted = answer.verdict is Verdict.ACCEPTED
            held.append(Answer(is_accepted, is_right, score, answer.probability))
    return held


def is_broken(promise: float, right: int, accepted: int) -> bool:
    """Whether fewer than five in a hundred drives would be this bad, were the promise kept."""
    chances = [
        math.comb(accepted, n) * promise**n * (1.0 - promise) ** (accepted - n)
        for n in range(right + 1)
    ]
    return right < accepted and sum(chances) < 0.05


def calibration_error(own: list[Answer]) -> float:
    """How far the probabilities of a map's own answers are from the shares that are right."""
    pairs = [(answer.probability, answer.is_right) for answer in own]
    probabilities, right = zip(*pairs, strict=True)
    return expected_calibration_error(probabilities, right)


def least(own: list[Answer], wrong: list[Answer], promise: float, positives: int) -> str:
    """The least score that keeps the promise, and lets one in a thousand of the others pass."""
    scores = np.array([answer.score for answer in own])
    right = np.array([answer.is_right for answer in own])
    others = np.array([answer.score for answer in wrong])
    for score in np.unique(scores):
        passed = scores >= score
        few = np.mean(others >= score) <= 0.001 if promise >= 0.99 else True
        if right[passed].mean() >= promise and few:
            return f"{score:.0f} ({percent(right[passed].sum(), positives)})"
    return "-"


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("--method", default="r2former_tiny", metavar="NAME")
    parser.add_argument("--without", nargs="*", default=[], metavar="NAME")
    return parser.parse_args()


if __name__ == "__main__":
    main()
