# SPDX-License-Identifier: Apache-2.0
"""TensorRT engines that were built before, in a folder of the user's cache.

Building takes seconds to minutes, so each engine is built once for each combination of ONNX file,
TensorRT and GPU. What does not fit in every point is built anew, never loaded on trust.
"""

from __future__ import annotations

import fcntl
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from vpr_ros.atomic_file import PART
from vpr_ros.backends.engine_file import (
    ENGINE,
    Engine,
    EngineKey,
    Gpu,
    read_engine,
    sha256,
    write_engine,
)
from vpr_ros.backends.options import NO_HOOKS, Hooks, Progress, Stop
from vpr_ros.backends.tensorrt_engine import RANGES, WORKSPACE_MIB, OnnxFile, build_engine
from vpr_ros.backends.tensorrt_library import TensorRt
from vpr_ros.datatypes import ModelSpec
from vpr_ros.errors import BackendError

_LOCK = "lock"
_WAIT_S = 0.1
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class EngineRequest:
    """An engine that is wanted."""

    onnx: OnnxFile  # the network to build it from
    spec: ModelSpec  # of the network in that file
    library: TensorRt  # to build with
    gpu: Gpu | None  # this machine's; None to build for the capabilities alone
    capabilities: tuple[str, ...] = ()  # of other GPUs to build for

    def key(self) -> EngineKey:
        """What the engine depends on; BackendError if there is no GPU to build for."""
        capabilities = self.capabilities or ((self.gpu.capability,) if self.gpu else ())
        if not capabilities:
            raise BackendError(
                f"{self.onnx.path}: there is no GPU to build for: name compute capabilities"
            )
        return EngineKey(
            onnx_sha256=sha256(self.onnx.content),
            library=self.library.name,
            version=self.library.version,
            gpu="" if self.capabilities or self.gpu is None else self.gpu.name,
            capabilities=capabilities,
            precision=self.spec.precision,
            ranges=tuple((name, *sizes) for name, sizes in RANGES.items()),
            workspace_mib=WORKSPACE_MIB,
        )


def default_folder() -> Path:
    """Where engines are kept: ``~/.cache/vpr_ros/engines``, or below ``XDG_CACHE_HOME``."""
    # The XDG specification: a path that is not absolute is to be ignored.
    named = Path(os.environ.get("XDG_CACHE_HOME", ""))
    base = named if named.is_absolute() else Path.home() / ".cache"
    return base / "vpr_ros" / "engines"


def cached_engine(
    request: EngineRequest, folder: Path | None = None, hooks: Hooks = NO_HOOKS
) -> Engine:
    """The engine that is wanted, from the cache, or built and put there.

    One process at a time builds, also because TensorRT measures while it builds.

    Args:
        request: the engine.
        folder: the cache; the user's own by default.
        hooks: see ``build_engine``; ``stop`` also ends waiting for another process.

    Raises:
        BackendError: the engine cannot be built, the cache cannot be written, or the caller
            stopped it.
    """
    folder = folder or default_folder()
    key = request.key()
    path = folder / (key.digest + ENGINE)
    found = _found(path, key, request.spec)
    if found is not None:
        return found
    with _only_builder(folder, hooks.stop):
        # Another process may have built it while this one waited.
        found = _found(path, key, request.spec)
        return found or _built(request, key, path, hooks)


def _found(path: Path, key: EngineKey, spec: ModelSpec) -> Engine | None:
    """The engine if it is there, undamaged, and of this key."""
    if not os.path.exists(path):  # without an error in folders that nobody may look into
        return None
    try:
        engine = read_engine(path)
    except BackendError as error:
        _log.warning("%s; building it again", error)
        return None
    if engine.key != key or engine.spec != spec:
        _log.warning("%s belongs to another model; building it again", path)
        return None
    return engine


def _built(request: EngineRequest, key: EngineKey, path: Path, hooks: Hooks) -> Engine:
    _log.info("building %s for %s with %s %s", path, request.onnx.path, key.library, key.version)
    timing_cache = path.with_name(f"timing-{key.library}-{key.version}.cache")
    # RTX is told in so many words, so that the engine is what the key says.
    capabilities = key.capabilities if request.library.is_rtx else request.capabilities
    hooks = replace(hooks, progress=hooks.progress or logged_progress())
    plan = build_engine(request.library, request.onnx, capabilities, hooks, timing_cache)
    engine = Engine(plan, key, request.spec)
    write_engine(path, engine)
    return engine


def logged_progress(every_s: float = 5.0) -> Progress:
    """Log how far a build is, every few seconds: nobody should think that it hangs."""
    last = time.monotonic()

    def tell(phase: str, done: int, steps: int) -> None:
        nonlocal last
        if time.monotonic() - last >= every_s:
            last = time.monotonic()
            _log.info("%s: %d of %d steps", phase, done, steps)

    return tell


@contextmanager
def _only_builder(folder: Path, stop: Stop | None) -> Iterator[None]:
    """Hold the lock of the cache, which the kernel releases when the process dies."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise BackendError(
            f"{folder}: engines cannot be kept here ({error.strerror}): "
            "set XDG_CACHE_HOME to a folder that can be written"
        ) from error
    try:
        _wait_for(lock, stop)
        for leftover in folder.glob("*" + PART):  # of a process that was killed
            leftover.unlink(missing_ok=True)
        yield
    finally:
        os.close(lock)


def _wait_for(lock: int, stop: Stop | None) -> None:
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:  # another process has it
            if stop is not None and stop():
                raise BackendError(
                    "waiting for another program that builds an engine was cancelled"
                ) from None
            time.sleep(_WAIT_S)
        except OSError as error:
            raise BackendError(
                f"engines cannot be kept where files cannot be locked ({error.strerror}): "
                "set XDG_CACHE_HOME to a folder of a local disk"
            ) from error
