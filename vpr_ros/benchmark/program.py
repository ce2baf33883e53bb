# SPDX-License-Identifier: Apache-2.0
"""The benchmark from beginning to end.

    python -m vpr_ros.benchmark                 below two minutes
    python -m vpr_ros.benchmark --minutes 10    a long look at memory

Times say something about this machine only; the ratios compare within one run.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path

from vpr_ros.benchmark.live import drive, live_results
from vpr_ros.benchmark.offline import (
    SIZES,
    measure_append,
    measure_homography,
    measure_search,
    measure_stages,
)
from vpr_ros.benchmark.results import Result, table, write_json
from vpr_ros.benchmark.scene import Scene, make_scene
from vpr_ros.demo.ros_program import run_with_ros, say


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; 0 when it ran to its end, 2 where it could not, 130 when interrupted."""
    options = _parse(arguments)
    return run_with_ros(lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    folder = options.out / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as name:
        scratch = Path(name)
        say("preparing a drive at 640x480")
        scene = make_scene(folder, scratch)
        results = [result for part in _parts(options, scene, scratch) for result in part()]
    say("\n" + table(results))
    write_json(results, options.out / "bench.json")
    say(f"\nwritten: {options.out / 'bench.json'}")
    return 0


def _parts(
    options: argparse.Namespace, scene: Scene, scratch: Path
) -> Iterable[Callable[[], list[Result]]]:
    """The measurements, each announced before it begins."""
    say("measuring the stages of the pipeline")
    yield partial(measure_stages, scene)
    yield partial(measure_homography, scene)
    say("measuring the map")
    yield partial(measure_append, scene, scratch)
    for size in SIZES:
        yield partial(measure_search, scene, scratch, size)
    say(f"driving mapper and localizer over DDS for {options.minutes:g} minutes")
    yield lambda: live_results(drive(scene, scratch, 60.0 * options.minutes))


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmark", description="Measure pipeline and nodes.")
    parser.add_argument(
        "--minutes", type=_minutes, default=0.5, help="how long the nodes work (default 0.5)"
    )
    parser.add_argument("--out", type=Path, default=Path("build"), help="folder for bench.json")
    return parser.parse_args(arguments)


def _minutes(text: str) -> float:
    value = float(text)
    if not 0.2 <= value <= 10000.0:
        raise argparse.ArgumentTypeError(f"{text} must be between 0.2 and 10000")
    return value
