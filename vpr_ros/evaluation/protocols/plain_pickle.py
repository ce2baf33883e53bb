# SPDX-License-Identifier: Apache-2.0
"""Pickles that hold data alone: a pickle can name any function to be called while it is read."""

from __future__ import annotations

import codecs
import pickle
from pathlib import Path
from typing import Any

import numpy as np

from vpr_ros.errors import DatasetError

# numpy before and since version 2 puts the same functions in two places.
_MULTIARRAY = ("numpy.core.multiarray", "numpy._core.multiarray")


def _rebuild(*arguments: Any) -> Any:
    return np.ndarray((0,), "b").__reduce__()[0](*arguments)  # type: ignore[operator]


def _encode(text: str, encoding: str) -> bytes:
    if encoding != "latin1":  # others unpack archives
        raise pickle.UnpicklingError(f"it wants to encode to {encoding}")
    return codecs.encode(text, encoding)


_ALLOWED: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    # Protocol 2, which Python 2 reads, too, keeps bytes in these ways.
    ("_codecs", "encode"): _encode,
    ("__builtin__", "bytes"): bytes,
    **{(module, "_reconstruct"): _rebuild for module in _MULTIARRAY},
    **{(module, "scalar"): np.float64(0.0).__reduce__()[0] for module in _MULTIARRAY},
}


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"it wants {module}.{name}, which is no data")
        return _ALLOWED[module, name]


def read_pickle(path: Path) -> Any:
    """What a pickle holds, if that is built of Python's containers, numbers, texts and arrays.

    Raises:
        DatasetError: it is missing or damaged, or asks for anything else.
    """
    try:
        with path.open("rb") as file:
            return _PlainUnpickler(file, encoding="latin1").load()
    except OSError as error:
        raise DatasetError(f"{path}: {error.strerror}") from error
    except Exception as error:  # damaged bytes make the unpickler trip over anything
        raise DatasetError(f"{path}: not a pickle of plain data: {error}") from error
