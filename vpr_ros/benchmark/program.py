# SPDX-License-Identifier: Apache-2.0
"""The benchmark from beginning to end.

    python -m vpr_ros.benchmark                 below two minutes
    python -m vpr_ros.benchmark --minutes 10    a long look at memory

Times say something about this machine only; the ratios compare within one run.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from types import FrameType

import rclpy
from rclpy.signals import SignalHandlerOptions

from vpr_ros.benchmark.live import drive
from vpr_ros.benchmark.live_results import live_results
from vpr_ros.benchmark.maps import SIZES, measure_append, measure_search
from vpr_ros.benchmark.results import Result, table, write_json
from vpr_ros.benchmark.scene import Scene, make_scene
from vpr_ros.benchmark.stages import measure_homography, measure_stages
from vpr_ros.errors import VprError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; 0 when it ran to its end, 2 where it could not, 130 when interrupted."""
    signal.signal(signal.SIGTERM, _interrupt)  # the nodes are ended by this process
    options = _parse(arguments)
    try:
        rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
        _run(options)
    except VprError as error:
        sys.stderr.write(f"vpr_ros: error: {error}\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        return 130
    finally:
        rclpy.try_shutdown()
    return 0


def _run(options: argparse.Namespace) -> None:
    folder = options.out / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as name:
        scratch = Path(name)
        _say("preparing a drive at 640x480")
        scene = make_scene(folder, scratch)
        results = [result for part in _parts(options, scene, scratch) for result in part()]
    _say("\n" + table(results))
    write_json(results, options.out / "bench.json")
    _say(f"\nwritten: {options.out / 'bench.json'}")


def _parts(
    options: argparse.Namespace, scene: Scene, scratch: Path
) -> Iterable[Callable[[], list[Result]]]:
    """The measurements, each announced before it begins."""
    _say("measuring the stages of the pipeline")
    yield partial(measure_stages, scene)
    yield partial(measure_homography, scene)
    _say("measuring the map")
    yield partial(measure_append, scene, scratch)
    for size in SIZES:
        yield partial(measure_search, scene, scratch, size)
    _say(f"driving mapper and localizer over DDS for {options.minutes:g} minutes")
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


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
