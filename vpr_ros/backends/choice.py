# SPDX-License-Identifier: Apache-2.0
"""Which file and which runtime: what the configuration leaves open, decided by what is here."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from vpr_ros.backends.engine_file import ENGINE
from vpr_ros.backends.exported import ONNX, precision_beside
from vpr_ros.backends.options import AUTO, CPU, BackendOptions
from vpr_ros.backends.tensorrt_library import find_tensorrt
from vpr_ros.errors import BackendError, ConfigError, UnavailableError

TENSORRT = "tensorrt"
ONNXRUNTIME = "onnxruntime"
PYTORCH = "pytorch"

# What runs such files, the best first.
_AUTO = {
    ENGINE: (TENSORRT,),
    ONNX: (TENSORRT, ONNXRUNTIME),
    **dict.fromkeys((".safetensors", ".pth", ".pt"), (PYTORCH,)),
}
SUFFIXES = tuple(_AUTO)
# Where a name comes without suffix. An engine is loaded only if it is named in full: it is machine
# code that fits one machine.
_SIBLINGS = (ONNX, ".safetensors", ".pth", ".pt")
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Choice:
    """A file and what is to run it."""

    path: Path
    runtime: str  # one of config.RUNTIMES, but not auto


def choose(path: Path, options: BackendOptions, level: int = logging.INFO) -> Choice:
    """Decide what ``auto`` and a file name without suffix leave open, and log why.

    Only what is installed and which GPU is there counts: a runtime that is here but fails is an
    error, and never a reason to take another.

    Args:
        path: the file, or its name without suffix.
        options: what is asked for.
        level: at which it is logged that something better was passed over.

    Raises:
        BackendError: nothing runs such files.
        ConfigError: the runtime that is asked for does not run such files.
    """
    ways = [Choice(file, each) for file in _files(path) for each in _runtimes(file, options)]
    passed_over: list[str] = []
    for way in ways[:-1]:
        obstacle = _obstacle(way, options.device)
        if not obstacle:
            break
        passed_over.append(f"not by {way.runtime}: {obstacle}")
    else:
        way = ways[-1]  # if that is not here either, it will say what to do
    if passed_over:
        _log.log(level, "%s is run by %s, %s", way.path, way.runtime, "; ".join(passed_over))
    return way


def _files(path: Path) -> list[Path]:
    """The file itself, or those that stand under a name without suffix, the best first."""
    if path.suffix in _AUTO:
        return [path]
    siblings = [path.with_name(path.name + suffix) for suffix in _SIBLINGS]
    found = [each for each in siblings if each.is_file()]
    if not found or path.is_file():
        known = ", ".join(_AUTO)
        raise BackendError(f"{path}: nothing here runs {path.suffix or 'such'} files, but {known}")
    return found


def _runtimes(path: Path, options: BackendOptions) -> Iterator[str]:
    possible = _AUTO[path.suffix]
    if options.runtime == AUTO:
        # Who says cpu need not be told that TensorRT runs on GPUs only, if something else runs.
        skip = 1 if options.device == CPU and len(possible) > 1 else 0
        yield from possible[skip:]
        return
    if options.runtime not in possible:
        raise ConfigError(
            f"runtime = {options.runtime!r} does not run {path.name}: choose auto or "
            f"{' or '.join(possible)}"
        )
    yield options.runtime


def _obstacle(way: Choice, device: str) -> str:
    """Why a runtime cannot be used here; empty if it can."""
    if way.runtime == TENSORRT:
        for_cpus = precision_beside(way.path) == "int8"
        return "it is int8, for CPUs" if for_cpus else _obstacle_to_tensorrt(device)
    library = "torch" if way.runtime == PYTORCH else way.runtime
    return "" if find_spec(library) else "it is not installed"


def _obstacle_to_tensorrt(device: str) -> str:
    try:
        from vpr_ros.backends.cuda_device import find_gpu, index_of
    except ImportError:
        return "cuda-python is not installed"
    try:
        find_gpu(index_of(device))
        find_tensorrt()
    except UnavailableError as error:
        return str(error)
    return ""
