# SPDX-License-Identifier: Apache-2.0
"""The demonstration from beginning to end.

    python -m vpr_ros.demo                                     a simulated drive
    python -m vpr_ros.demo --map-bag A --query-bag B           your own drives

A drive is replayed into the mapper node, a second one into the localizer node; both talk through
DDS as on a robot. What came out is printed, drawn and written as numbers.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import rclpy
from rclpy.signals import SignalHandlerOptions
from tqdm import tqdm

from vpr_ros.demo.drives import Drive, choose_drives, read_truth
from vpr_ros.demo.live import LiveLines
from vpr_ros.demo.options import Options, parse_options
from vpr_ros.demo.pictures import Gallery
from vpr_ros.demo.results import Results
from vpr_ros.demo.session import learn, localize
from vpr_ros.errors import VprError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demonstration.

    Returns:
        0 if it did its job, 1 if its results are not good enough, 2 if it could not be run, 130
        when interrupted.
    """
    # Nodes and replay are ended by this process: a signal must unwind it, not kill it.
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        options = parse_options(arguments)
        rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
        return _run(options)
    except VprError as error:
        sys.stderr.write(f"vpr_ros: error: {error}\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        return 130
    finally:
        rclpy.try_shutdown()


def _run(options: Options) -> int:
    options.scratch.mkdir(parents=True, exist_ok=True)
    map_drive, query_drive = _prepare(options)
    truth = read_truth(map_drive, query_drive)
    map_path = _fresh(options.scratch / "route.vprmap")
    _say(f"\nlearning the route: {map_drive.bag} -> mapper -> {map_path}")
    learn(map_drive, map_path, options.rate, _say)
    _say(f"\nfinding it again: {query_drive.bag} -> localizer")
    answers = localize(query_drive, map_path, options.rate, LiveLines(_say, truth).show)
    gallery = Gallery.of(query_drive, map_path, answers, truth)
    _say(gallery.results.table())
    _say(f"written: {', '.join(map(str, gallery.write(options.out, options.scratch)))}")
    return _judge(gallery.results, options)


def _prepare(options: Options) -> tuple[Drive, Drive]:
    with _rendering() as progress:
        map_drive, query_drive = choose_drives(options, progress)
    topics = ", ".join(map_drive.replayed)
    _say(f"map:   {map_drive.bag}, {map_drive.image.count} images; topics {topics}")
    _say(f"query: {query_drive.bag}, {query_drive.image.count} images")
    if map_drive.truth is None or query_drive.truth is None:
        _say("no true poses in these bags: matches are shown, but nobody can say which are right")
    return map_drive, query_drive


def _judge(results: Results, options: Options) -> int:
    shortcomings = results.shortcomings(strict=options.simulated)
    if not shortcomings:
        return 0
    _say(
        f"the demonstration failed: {'; '.join(shortcomings)}; the nodes' logs are in "
        f"{options.scratch}"
    )
    return 1


def _fresh(map_path: Path) -> Path:
    """The path, with what an earlier demonstration left there removed."""
    for leftover in map_path.parent.glob(map_path.name + "*"):
        leftover.unlink()
    return map_path


@contextmanager
def _rendering() -> Iterator[Callable[[int, int], None]]:
    """A progress bar that appears with the first rendered frame."""
    bars: list[tqdm] = []  # type: ignore[type-arg]

    def progress(done: int, total: int) -> None:
        if not bars:
            _say(f"rendering the simulated drive, {total} frames")
            silent = not sys.stderr.isatty()
            bars.append(tqdm(total=total, unit="frame", leave=False, disable=silent))
        bars[0].update(done - bars[0].n)

    try:
        yield progress
    finally:
        for bar in bars:
            bar.close()


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
