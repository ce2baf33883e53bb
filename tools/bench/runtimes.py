# SPDX-License-Identifier: Apache-2.0
"""One image of 640 x 480 through both extractors, by every runtime for CPUs that is installed."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from vpr_ros.backends import Backend, BackendOptions, open_backend
from vpr_ros.benchmark.results import Result, median, milliseconds
from vpr_ros.cli.main import main as vpr

sys.path.insert(0, str(Path(__file__).parents[2] / "test" / "models"))
from generated import write_weights

FOLDER = Path("build/bench")
WIDTH, HEIGHT = 640, 480
THREADS = 2
TURNS = 7
PYTORCH = "PyTorch fp32"
RUNS = {  # runtime and precision of the file
    "ONNX Runtime fp32": ("onnxruntime", "fp32"),
    "ONNX Runtime int8": ("onnxruntime", "int8"),
}


def extraction(published_ms: Mapping[str, float]) -> Iterator[Result]:
    """The time of every runtime, against published code where that was measured, or PyTorch."""
    image = {"image": np.random.default_rng(0).standard_normal((1, 3, HEIGHT, WIDTH), np.float32)}
    for method in ("transvpr", "r2former"):
        opened = dict(backends(method))
        runs = {name: partial(backend.run, image) for name, backend in opened.items()}
        for run in runs.values():
            run()
        # By turns, so that a busy moment of this machine meets all of them.
        taken = [{name: milliseconds(run)[0] for name, run in runs.items()} for _ in range(TURNS)]
        times = {name: median([each[name] for each in taken]) for name in runs}
        baseline = published_ms.get(method, times[PYTORCH])
        against = "published code" if method in published_ms else PYTORCH
        for name, value in times.items():
            yield Result(f"{method}: describe an image, {name}", value, "ms", baseline, against)


def backends(method: str) -> Iterator[tuple[str, Backend]]:
    """All ways to run an extractor."""
    weights = FOLDER / f"{method}.pth"
    FOLDER.mkdir(parents=True, exist_ok=True)
    if not weights.exists():
        write_weights(method, weights)
    yield PYTORCH, open_backend(weights, method, BackendOptions("pytorch", threads=THREADS))
    for name, (runtime, precision) in RUNS.items():
        if find_spec(runtime):
            options = BackendOptions(runtime, threads=THREADS)
            yield name, open_backend(exported(method, weights, precision), method, options)


def exported(method: str, weights: Path, precision: str) -> Path:
    """The method's ONNX file, made if it is not there."""
    path = FOLDER / f"{method}_{HEIGHT}x{WIDTH}_{precision}.onnx"
    words = ["--weights", str(weights), "--precision", precision, "-o", str(FOLDER)]
    if not path.exists() and vpr(["export", "--method", method, *words]):
        sys.exit(f"{path} cannot be exported")
    return path
