# SPDX-License-Identifier: Apache-2.0
"""Which TensorRT is installed here: NVIDIA's TensorRT, or TensorRT for RTX, with the same API.

Nothing else imports them: the modules that build and run engines are given a ``TensorRt``.
"""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from vpr_ros.backends.base import first_line
from vpr_ros.errors import BackendError, UnavailableError

TENSORRT = "tensorrt"
TENSORRT_RTX = "tensorrt_rtx"

# The last is what the wheels are called that PyPI has.
_MODULES = ("tensorrt", "tensorrt_rtx", "tensorrt_rtx_bindings")
_IMPORTERS: dict[str, list[Callable[[], Any]]] = {
    TENSORRT: [lambda: import_module("tensorrt")],
    TENSORRT_RTX: [
        lambda: import_module("tensorrt_rtx"),
        lambda: import_module("tensorrt_rtx_bindings"),
    ],
}
_OLDEST = 10  # the first major version with all that is used here
_REMEDY = (
    "pip install tensorrt, which a Jetson has from JetPack, or on a PC with an RTX GPU "
    "pip install tensorrt-rtx-cu13-bindings tensorrt-rtx-cu13-libs"
)
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TensorRt:
    """One TensorRT."""

    name: str  # TENSORRT or TENSORRT_RTX
    version: str  # in full: engines run with the version that built them and with no other
    module: Any

    @property
    def is_rtx(self) -> bool:
        """Whether engines can be built for GPUs that are not in this machine."""
        return self.name == TENSORRT_RTX


def find_tensorrt(name: str = "") -> TensorRt:
    """Load the TensorRT that is installed.

    Args:
        name: ``tensorrt`` or ``tensorrt_rtx``; empty for the first of them that is installed.

    Raises:
        BackendError: neither is, or it is too old, or its libraries are missing or damaged.
    """
    if name and name not in _IMPORTERS:
        raise BackendError(f"TensorRT {name!r} is unknown: choose {' or '.join(_IMPORTERS)}")
    for each in [name] if name else _IMPORTERS:
        module = _loaded(each)
        if module is not None:
            return _checked(TensorRt(each, str(module.__version__), module))
    raise UnavailableError(f"{name or 'TensorRT'} is not installed: {_REMEDY}")


def _loaded(name: str) -> Any:
    """The module, or None where it is not installed; what is installed but broken is an error."""
    for load in _IMPORTERS[name]:
        try:
            return load()
        except (ImportError, OSError) as error:
            is_missing = isinstance(error, ModuleNotFoundError) and error.name in _MODULES
            if not is_missing:
                raise _broken(name, error) from error
    return None


def _broken(name: str, error: Exception) -> BackendError:
    cause = first_line(error)
    return BackendError(f"{name} is installed, but does not load ({cause}): {_REMEDY}")


def _checked(library: TensorRt) -> TensorRt:
    if library.name == TENSORRT and int(library.version.split(".")[0]) < _OLDEST:
        raise BackendError(
            f"TensorRT {library.version} is too old: {_OLDEST}.0 or newer is needed: {_REMEDY}"
        )
    return library


def make_logger(library: TensorRt) -> Any:
    """A logger for TensorRT that writes to Python's logging and keeps the errors in ``errors``.

    Errors are debug messages there: whoever calls TensorRT raises them, see ``cause_of``.
    """
    kinds = library.module.ILogger.Severity
    levels = {
        kinds.INTERNAL_ERROR: logging.DEBUG,
        kinds.ERROR: logging.DEBUG,
        kinds.WARNING: logging.WARNING,
    }

    class Logger(library.module.ILogger):  # type: ignore[misc, name-defined]
        """An instance must outlive all that TensorRT makes with it."""

        def __init__(self) -> None:
            super().__init__()
            self.errors: list[str] = []

        def log(self, severity: Any, message: str) -> None:
            if severity in (kinds.INTERNAL_ERROR, kinds.ERROR):
                self.errors.append(message)
            if severity in levels:
                _log.log(levels[severity], "%s", message)

    return Logger()


@contextmanager
def uncollected() -> Iterator[None]:
    """Keep Python's garbage collector away while TensorRT makes a builder or a runtime.

    TensorRT then holds a lock and calls the logger, in which Python may collect an older object of
    TensorRT's, whose end waits for the same lock: for ever. Seen with TensorRT for RTX 1.7.1.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def cause_of(logger: Any) -> str:
    """What TensorRT said first when something failed, in one line."""
    return " ".join(logger.errors[0].split()) if logger.errors else "TensorRT does not say why"
