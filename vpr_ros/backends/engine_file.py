# SPDX-License-Identifier: Apache-2.0
"""TensorRT engines as files, each with a JSON file beside it that says what it is.

An engine is machine code for one TensorRT version and one kind of GPU, and nothing in the file
itself can be trusted to say so. The JSON file holds, as format 1:

- ``format``: 1;
- ``key``: the fields of ``EngineKey``;
- ``spec``: the ``ModelSpec`` of the network;
- ``engine_sha256``: of the engine's file.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from vpr_ros.atomic_file import write_files
from vpr_ros.backends.sidecar import sidecar_path, spec_from_json
from vpr_ros.datatypes import ModelSpec
from vpr_ros.errors import BackendError

ENGINE = ".engine"
_FORMAT = 1
_FIELDS = ("format", "key", "spec", "engine_sha256")


@dataclass(frozen=True)
class EngineKey:
    """Everything that an engine depends on: two engines of one key may stand for each other."""

    onnx_sha256: str
    library: str  # tensorrt or tensorrt_rtx
    version: str  # of that library, in full
    gpu: str  # the GPU's name; empty for every GPU of the capabilities
    capabilities: tuple[str, ...]  # compute capabilities, such as 8.6
    precision: str
    ranges: tuple[tuple[str, int, int, int], ...]  # axis: smallest, usual and largest size
    workspace_mib: int

    @property
    def digest(self) -> str:
        """First 32 hex digits of the SHA-256 over all fields."""
        return sha256(json.dumps(asdict(self), sort_keys=True).encode())[:32]


@dataclass(frozen=True)
class Gpu:
    """What an engine must fit."""

    name: str
    capability: str  # compute capability, such as 8.6


@dataclass(frozen=True)
class Engine:
    """An engine and what is known of it."""

    plan: bytes  # as TensorRT serialized it
    key: EngineKey
    spec: ModelSpec


def sha256(content: bytes) -> str:
    """The SHA-256, in hex digits."""
    return hashlib.sha256(content).hexdigest()


def write_engine(path: Path, engine: Engine) -> None:
    """Write an engine and its JSON file, both or none; BackendError if that is impossible."""
    known = {
        "format": _FORMAT,
        "key": asdict(engine.key),
        "spec": asdict(engine.spec),
        "engine_sha256": sha256(engine.plan),
    }
    text = json.dumps(known, indent=2) + "\n"
    try:
        write_files({path: engine.plan, sidecar_path(path): text.encode()})
    except OSError as error:
        size = len(engine.plan) >> 20
        raise BackendError(
            f"{path}: the engine cannot be written ({error.strerror}): "
            f"make room for {size + 1} MiB, or choose another folder"
        ) from error


def read_engine(path: Path) -> Engine:
    """Read an engine that ``write_engine`` wrote; whether it fits this machine is not known yet.

    Raises:
        BackendError: it is not there, or it is not what its JSON file says.
    """
    beside = sidecar_path(path)
    plan, known = _content(path), _known(beside)
    if sha256(plan) != known["engine_sha256"]:
        raise BackendError(
            f"{path} is damaged, or not the engine that {beside.name} describes: build it again"
        )
    try:
        return Engine(plan, _key(known["key"]), spec_from_json(known["spec"]))
    except BackendError as error:
        raise BackendError(f"{beside}: {error}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise BackendError(
            f"{beside} lacks what an engine depends on: build {path.name} again"
        ) from error


def check_fits(path: Path, key: EngineKey, library: str, version: str, gpu: Gpu) -> None:
    """Raise BackendError for an engine of another TensorRT, or for another GPU, than is here."""
    built, here = f"{key.library} {key.version}", f"{library} {version}"
    if built != here:
        raise BackendError(
            f"{path} was built by {built}, and this is {here}: build it again from its ONNX file"
        )
    if gpu.capability not in key.capabilities or key.gpu not in ("", gpu.name):
        kind = ", ".join(key.capabilities)
        raise BackendError(
            f"{path} was built for {key.gpu or 'GPUs'} (compute capability {kind}), and this is "
            f"{gpu.name} ({gpu.capability}): build it again from its ONNX file"
        )


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise BackendError(
            f"{path} is missing: an engine needs its {ENGINE} file and the JSON file beside it"
        ) from error
    except OSError as error:
        raise BackendError(f"{path} cannot be read: {error.strerror}") from error


def _known(path: Path) -> dict[str, Any]:
    """What a JSON file says; each of its fields is there."""
    try:
        known: dict[str, Any] = dict(json.loads(_content(path)))
        lacking = [name for name in _FIELDS if name not in known]
    except (TypeError, ValueError) as error:
        raise BackendError(f"{path} is no JSON of an engine: build the engine again") from error
    if lacking:
        raise BackendError(f"{path} lacks {', '.join(lacking)}: build the engine again")
    if known["format"] != _FORMAT:
        raise BackendError(
            f"{path} has format {known['format']}, this program reads {_FORMAT}: "
            "build the engine again"
        )
    return known


def _key(data: Mapping[str, Any]) -> EngineKey:
    known = {field.name: data[field.name] for field in fields(EngineKey)}
    known["capabilities"] = tuple(str(each) for each in known["capabilities"])
    known["ranges"] = tuple(
        (str(name), int(least), int(usual), int(most))
        for name, least, usual, most in known["ranges"]
    )
    return EngineKey(**known)
