# SPDX-License-Identifier: Apache-2.0
"""Reading weights from files that nobody vouches for: tensors come out, and no code ever runs.

Published weights are pickles, and a pickle is a program. ``torch.load(weights_only=True)`` runs it
on a machine that knows tensors only; here it learns plain numpy numbers in addition, because
training scripts like to store a recall beside the weights.
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor
from torch.serialization import safe_globals

from vpr_ros.errors import WeightsError

SAFETENSORS = ".safetensors"
_WRAPPERS = ("model_state_dict", "state_dict", "model")
_DATA_PARALLEL = "module."  # what torch.nn.DataParallel puts before every key
_NOT_ALLOWED = re.compile(r"GLOBAL (\S+)|but got <class '(.+)'>")  # in torch's messages
_LOOKALIKES = {  # how files begin that browsers and git leave in place of weights
    b"<!doctype": "a web page",
    b"<html": "a web page",
    b"version https://git-lfs": "a pointer of Git LFS",
}


@dataclass(frozen=True)
class WeightsFile:
    """The tensors of one file, without wrappers and prefixes."""

    path: Path
    tensors: dict[str, Tensor]
    metadata: dict[str, str]  # of safetensors; empty otherwise
    sha256: str  # of the file
    git_blob: str  # what `git hash-object` prints for the file


def read_weights(path: Path) -> WeightsFile:
    """Read a pickle of PyTorch or a safetensors file.

    Raises:
        WeightsError: it is missing, truncated, tries to run code, holds anything but finite
            tensors, or is no such file at all.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise WeightsError(
            f"{path}: {error.strerror}; 'vpr weights list' says where authors host weights"
        ) from error
    _check_beginning(path, content)
    metadata: dict[str, str] = {}
    if path.suffix == SAFETENSORS:
        found, metadata = _read_safetensors(path)
    else:
        found = _unwrapped(path, _read_pickle(path, content))
    _check_values(path, found)
    return WeightsFile(
        path,
        found,
        metadata,
        hashlib.sha256(content).hexdigest(),
        hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest(),
    )


def _check_beginning(path: Path, content: bytes) -> None:
    if not content:
        raise WeightsError(f"{path}: the file is empty")
    start = content[:64].lstrip().lower()
    for beginning, kind in _LOOKALIKES.items():
        if start.startswith(beginning):
            raise WeightsError(f"{path}: {kind} instead of weights: download it again")


def _read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    try:
        with safe_open(path, framework="pt") as file:
            keys = file.keys()
            return {key: file.get_tensor(key) for key in keys}, file.metadata() or {}
    except (SafetensorError, ValueError) as error:
        raise WeightsError(f"{path}: truncated, or not a safetensors file ({error})") from error


def _read_pickle(path: Path, content: bytes) -> Any:
    try:
        with safe_globals(_numpy_values()):
            return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged pickle raises whatever its next byte happens to mean
        raise WeightsError(f"{path}: {_reason(error)}") from error


def _numpy_values() -> list[Any]:
    """What a pickle needs to hold numpy's numbers and arrays of numbers, and nothing else."""
    reconstruct, scalar = np.zeros(1).__reduce__()[0], np.float64(0).__reduce__()[0]
    allowed: list[Any] = [np.ndarray, np.dtype]
    for module in ("numpy.core.multiarray", "numpy._core.multiarray"):  # numpy 1 and numpy 2
        allowed += [(reconstruct, f"{module}._reconstruct"), (scalar, f"{module}.scalar")]
    return allowed + [type(np.dtype(code)) for code in "?bBhHiIlLqQefdFD"]


def _reason(error: Exception) -> str:
    asked = _NOT_ALLOWED.search(str(error))
    if asked:
        name = asked.group(1) or asked.group(2)
        return f"refused: its pickle asks for {name}, which weights never need"
    first_sentence = (str(error).splitlines() or [""])[0].partition(". ")[0]
    return f"truncated, or not a file of PyTorch ({type(error).__name__}: {first_sentence})"


def _unwrapped(path: Path, content: Any) -> dict[str, Tensor]:
    """The state dict inside a checkpoint, its keys without the prefix of DataParallel."""
    for wrapper in _WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
            break
    if not isinstance(content, Mapping) or not content:
        raise WeightsError(f"{path}: holds no state dict but a {type(content).__name__}")
    for key, value in content.items():
        if not isinstance(key, str) or not isinstance(value, Tensor):
            raise WeightsError(f"{path}: {key!r} is a {type(value).__name__}, not a tensor")
    prefixed = all(key.startswith(_DATA_PARALLEL) for key in content)
    start = len(_DATA_PARALLEL) if prefixed else 0
    return {key[start:]: value.detach() for key, value in content.items()}


def _check_values(path: Path, tensors: Mapping[str, Tensor]) -> None:
    for key, value in tensors.items():
        if value.layout != torch.strided or value.is_quantized:
            raise WeightsError(f"{path}: {key} is sparse or quantized: dense tensors are needed")
        if not bool(torch.isfinite(value).all()):
            raise WeightsError(f"{path}: {key} holds NaN or infinite values: the file is damaged")
