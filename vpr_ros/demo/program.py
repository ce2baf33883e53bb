# SPDX-License-Identifier: Apache-2.0
"""The demonstration from beginning to end.

    python -m vpr_ros.demo                                     a simulated drive
    python -m vpr_ros.demo --map-bag A --query-bag B           your own drives

A drive is replayed into the mapper node, a second one into the localizer node; both talk through
DDS as on a robot. What came out is printed, drawn and written as numbers.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tqdm import tqdm

from vpr_ros.demo.drives import Drive, Options, choose_drives, parse_options, read_truth
from vpr_ros.demo.pictures import Gallery
from vpr_ros.demo.results import LiveLines, Results
from vpr_ros.demo.ros_program import run_with_ros, say
from vpr_ros.demo.session import learn, localize


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demonstration.

    Returns:
        0 if it did its job, 1 if its results are not good enough, 2 if it could not be run, 130
        when interrupted.
    """
    return run_with_ros(lambda: _run(parse_options(arguments)))


def _run(options: Options) -> int:
    options.scratch.mkdir(parents=True, exist_ok=True)
    map_drive, query_drive = _prepare(options)
    truth = read_truth(map_drive, query_drive)
    map_path = _fresh(options.scratch / "route.vprmap")
    say(f"\nlearning the route: {map_drive.bag} -> mapper -> {map_path}")
    learn(map_drive, map_path, options.rate, say)
    say(f"\nfinding it again: {query_drive.bag} -> localizer")
    answers = localize(query_drive, map_path, options.rate, LiveLines(say, truth).show)
    gallery = Gallery.of(query_drive, map_path, answers, truth)
    say(gallery.results.table())
    say(f"written: {', '.join(map(str, gallery.write(options.out, options.scratch)))}")
    return _judge(gallery.results, options)


def _prepare(options: Options) -> tuple[Drive, Drive]:
    with _rendering() as progress:
        map_drive, query_drive = choose_drives(options, progress)
    topics = ", ".join(map_drive.replayed)
    say(f"map:   {map_drive.bag}, {map_drive.image.count} images; topics {topics}")
    say(f"query: {query_drive.bag}, {query_drive.image.count} images")
    if map_drive.truth is None or query_drive.truth is None:
        say("no true poses in these bags: matches are shown, but nobody can say which are right")
    return map_drive, query_drive


def _judge(results: Results, options: Options) -> int:
    shortcomings = results.shortcomings(strict=options.simulated)
    if not shortcomings:
        return 0
    say(
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
            say(f"rendering the simulated drive, {total} frames")
            silent = not sys.stderr.isatty()
            bars.append(tqdm(total=total, unit="frame", leave=False, disable=silent))
        bars[0].update(done - bars[0].n)

    try:
        yield progress
    finally:
        for bar in bars:
            bar.close()
