# SPDX-License-Identifier: Apache-2.0
"""Verb ``localize``: find every frame of a drive, or one image, in a map."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path

from vpr_ros.cli.options import add_option, add_settings, add_source, configured
from vpr_ros.cli.terminal import Skipped, complain, progress, say
from vpr_ros.datatypes import Frame, Recognition, Verdict
from vpr_ros.drives.flaws import located
from vpr_ros.drives.source import Source, open_source
from vpr_ros.errors import ConfigError, ImageError
from vpr_ros.evaluation.metrics.cost import latencies
from vpr_ros.pipeline import build
from vpr_ros.records.as_json import PathOf, as_json
from vpr_ros.route.session import Session

SUMMARY = "find the frames of a drive, or one image, in a map"

Write = Callable[[Frame, Recognition], None]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's options."""
    add_source(parser, "a rosbag2 (folder or file), a folder of images, or one image")
    text = "the map to search (*.vprmap), or a folder of maps"
    add_option(parser, "--map", "FILE", text, required=True)
    text = "odometry of a bag that has several poses, for sequence.mode=filter"
    add_option(parser, "--odometry-topic", "TOPIC", text, "")
    text = "write one JSON object per frame and line to FILE, or '-' for the standard output"
    parser.add_argument("--json", metavar="FILE", help=text)
    add_settings(parser)


def run(args: argparse.Namespace) -> int:
    """Answer every frame."""
    if args.json and Path(args.json).resolve() == args.map.resolve():
        raise ConfigError(f"--json {args.json} would overwrite the map: name another file")
    config = configured(args.settings)
    pipeline = build(config)
    # Only a sequence filter asks for odometry.
    odometry = args.odometry_topic if config.sequence.mode != "off" else None
    skipped = Skipped()
    with (
        closing(pipeline.open_session(args.map)) as session,
        open_source(args.source, args.image_topic, odometry, args.rate) as source,
        _writer(args.json, session.maps.searched.path_of) as write,
    ):
        answers = _answer_all(session, source, skipped, write)
        if not answers:
            raise source.nothing_read(skipped.first)
        conditions = [f"{name}: {words}" for name, words in session.conditions().items()]
    for line in (*_summary(answers, skipped), *conditions, pipeline.description):
        if args.json == "-":
            complain(line)
        else:
            say(line)
    return 0


def _answer_all(
    session: Session, source: Source, skipped: Skipped, write: Write
) -> list[Recognition]:
    answers = []
    with progress(source.count, "localizing") as step:
        for frame in source.frames(skipped):
            try:
                recognition = session.step(frame).recognition
            except ImageError as error:
                skipped(located(error, f"{frame.name} at {frame.stamp_ns} ns"))
            else:
                assert recognition is not None  # sessions that localize answer every frame
                write(frame, recognition)
                answers.append(recognition)
            step()
    return answers


@contextmanager
def _writer(target: str | None, path_of: PathOf) -> Iterator[Write]:
    """Lines for people, or JSON lines to a file or, for ``-``, the standard output.

    Every JSON line goes to the system in one piece, so that a program that is killed leaves whole
    lines, and one that reads along sees every answer at once.
    """
    if target is None:
        yield lambda frame, recognition: say(_line(frame, recognition))
        return
    to_file = target != "-"
    with Path(target).open("w", encoding="utf-8") if to_file else nullcontext(sys.stdout) as file:

        def write(frame: Frame, recognition: Recognition) -> None:
            answer = as_json(frame.name, recognition, path_of)
            file.write(json.dumps(answer, allow_nan=False) + "\n")
            file.flush()

        yield write


def _line(frame: Frame, recognition: Recognition) -> str:
    verdict, probability = recognition.verdict.name, recognition.probability
    stamp = 1e-9 * recognition.stamp_ns
    return f"{frame.name} {stamp:.3f}  {verdict:9}  {probability:4.2f}  {recognition.reason}"


def _summary(answers: Sequence[Recognition], skipped: Skipped) -> list[str]:
    verdicts = Counter(answer.verdict for answer in answers)
    counts = ", ".join(f"{verdicts[each]} {each.name.lower()}" for each in Verdict)
    timings = latencies([answer.timings_s for answer in answers])
    stages = ", ".join(f"{name} {each.median:.1f}" for name, each in timings.items())
    return [
        f"{len(answers)} frames: {counts}{skipped.in_words()}",
        f"milliseconds per frame (median): {stages}",
    ]
