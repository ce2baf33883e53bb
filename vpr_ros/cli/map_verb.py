# SPDX-License-Identifier: Apache-2.0
"""Verb ``map``: build a map from a drive, or add a drive to a map."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, field
from itertools import chain

from vpr_ros.cli.options import add_option, add_output, add_settings, add_source, configured
from vpr_ros.cli.terminal import Skipped, complain, progress, say
from vpr_ros.config import MAP
from vpr_ros.datatypes import Frame
from vpr_ros.drives.flaws import located
from vpr_ros.drives.source import Source, open_source
from vpr_ros.errors import ImageError
from vpr_ros.pipeline import build
from vpr_ros.place_map import PlaceMap
from vpr_ros.route.session import Session

SUMMARY = "build a map from a drive, or add a drive to a map"

_NO_POSES = "none"
_EXIT_NO_POSE = 3
_EXIT_STATUS = f"""\
exit status: 0 the map is written; 2 error; {_EXIT_NO_POSE} the map is written, but without poses,
though the drive has some: none of them belongs to a keyframe."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's options."""
    add_source(parser, "a rosbag2 (folder or file) or a folder of images")
    text = "the map (*.vprmap); one that exists gets another session"
    add_output(parser, "FILE", text)
    add_option(parser, "--session", "NAME", "what to call this drive", "")
    text = f"poses of a bag that has several; '{_NO_POSES}' to do without"
    add_option(parser, "--pose-topic", "TOPIC", text, "")
    add_settings(parser)
    parser.epilog = f"{_EXIT_STATUS}\n\n{parser.epilog}"


def run(args: argparse.Namespace) -> int:
    """Build the map."""
    pipeline = build(configured(args.settings))
    skipped = Skipped()
    pose_topic = None if args.pose_topic == _NO_POSES else args.pose_topic
    with open_source(args.source, args.image_topic, pose_topic, args.rate) as source:
        frames = source.frames(skipped)
        first = next(frames, None)
        if first is None:  # before a map is made that would hold nothing
            raise source.nothing_read(skipped.first)
        with closing(pipeline.open_session(args.output, MAP, name=args.session)) as session:
            counts = _drive(session, chain([first], frames), source.count, skipped)
            place_map = session.maps.place_map
            say(_summary(place_map, source, counts, skipped))
            say(_worth(place_map, pipeline.config.decision.target_precision))
            say(pipeline.description)
            return _missed_poses(source, counts)


@dataclass
class _Counts:
    keyframes: int = 0
    without_pose_ns: list[int] = field(default_factory=list)  # stamps of such keyframes
    closures: int = 0
    not_closed: int = 0  # since odometry speaks against it
    empty: list[str] = field(default_factory=list)  # why frames show nothing


def _drive(session: Session, frames: Iterable[Frame], total: int, skipped: Skipped) -> _Counts:
    """Take every frame; whatever ends the work, what was kept until then is committed.

    A map that is finished learns what its scores are worth; an interrupted one must not take
    seconds for that.
    """
    counts = _Counts()
    try:
        with progress(total, "mapping") as step:
            for frame in frames:
                try:
                    outcome = session.step(frame)
                except ImageError as error:
                    skipped(located(error, f"{frame.name} at {frame.stamp_ns} ns"))
                else:
                    if outcome.kept is not None:
                        counts.keyframes += 1
                        counts.without_pose_ns += [] if frame.pose else [frame.stamp_ns]
                    counts.closures += outcome.closure is not None
                    counts.not_closed += bool(outcome.not_closed)
                    counts.empty += [outcome.nothing_shown] if outcome.nothing_shown else []
                step()
    finally:
        session.save()
    session.finish()
    return counts


def _summary(place_map: PlaceMap, source: Source, counts: _Counts, skipped: Skipped) -> str:
    info = place_map.info()
    name = info.sessions[-1].name if info.sessions else "nothing"
    posed = f"{counts.keyframes - len(counts.without_pose_ns)} of {counts.keyframes}"
    poses = f"poses from {source.poses} for {posed}" if source.poses else "without poses"
    loops = f", {counts.closures} loop closures" if counts.closures else ""
    loops += f", {counts.not_closed} more against odometry" if counts.not_closed else ""
    return (
        f"{info.path}: {name}: {counts.keyframes} keyframes of {source.count} frames"
        f"{skipped.in_words()}{_empty(counts)}{loops}; {source.images}, {poses}; "
        f"the map holds {info.keyframes} keyframes"
    )


def _missed_poses(source: Source, counts: _Counts) -> int:
    """Tell of keyframes without pose where there are poses; gives the exit code."""
    missed = len(counts.without_pose_ns)
    if not (source.poses and missed):
        return 0
    is_all = missed == counts.keyframes
    why = source.why_no_pose(counts.without_pose_ns, is_all)
    some = f"{missed} of {counts.keyframes} keyframes {'has' if missed == 1 else 'have'}"
    complain(f"warning: {some} no pose from {source.poses}: {why}")
    return _EXIT_NO_POSE if is_all else 0


def _empty(counts: _Counts) -> str:
    if not counts.empty:
        return ""
    return f", {len(counts.empty)} left out ({counts.empty[0]})"


def _worth(place_map: PlaceMap, precision: float) -> str:
    """The score that an answer needs in the map."""
    record = place_map.calibration()
    if record is None:
        return "not calibrated: there was no time for it"
    needed = f"{record.calibration.needed_score(precision):.2f}"
    basis = "" if record.calibration.of_map else " by default: too few keyframes to calibrate"
    return f"precision {precision:g} needs a rerank score of {needed}{basis}"
