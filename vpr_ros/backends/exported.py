# SPDX-License-Identifier: Apache-2.0
"""Exported networks as files: their names, the specification they carry, and what may be asked.

An extractor is ``NAME.onnx``; a reranker that belongs to it stands beside it as
``NAME.reranker.onnx``. Each carries its specification, and has it as ``NAME.onnx.json`` beside it,
too, where people and programs can read it without any library.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from vpr_ros.backends.base import (
    CANDIDATES,
    GLOBAL_DESCRIPTOR,
    IMAGE,
    LOCAL_FEATURES,
    QUERY,
    SCORES,
)
from vpr_ros.backends.engine_file import ENGINE
from vpr_ros.backends.options import BackendOptions
from vpr_ros.backends.sidecar import Ports, foreign_spec, sidecar_path, spec_from_json
from vpr_ros.datatypes import ModelSpec
from vpr_ros.errors import BackendError, ConfigError, WeightsError

ONNX = ".onnx"
SPEC_KEY = "vpr_ros.spec"  # among an ONNX file's metadata
LOCAL_COUNT = "local_features"  # setting of a reranker's spec: features of an image it takes

_PORTS = (({IMAGE}, {GLOBAL_DESCRIPTOR, LOCAL_FEATURES}), ({QUERY, CANDIDATES}, {SCORES}))
_EXPORT = "export it again with 'vpr export'"


def is_exported(path: Path) -> bool:
    """Whether a file's size, precision and settings were fixed when it was made."""
    return path.suffix in (ONNX, ENGINE)


def reranker_path(extractor: Path) -> Path:
    """Where the reranker is that belongs to an exported extractor."""
    return extractor.with_name(f"{extractor.stem}.reranker{extractor.suffix}")


def to_text(spec: ModelSpec) -> str:
    """A specification as the file's metadata holds it."""
    return json.dumps(asdict(spec), sort_keys=True)


def from_text(path: Path, text: str) -> ModelSpec:
    """The specification that ``to_text`` wrote into a file; WeightsError if it is none."""
    try:
        return spec_from_json(json.loads(text))
    except (BackendError, ValueError) as error:
        raise WeightsError(f"{path}: its {SPEC_KEY} cannot be read ({error}): {_EXPORT}") from error


def spec_within(path: Path, content: bytes, metadata: Mapping[str, str]) -> ModelSpec:
    """The specification in an ONNX file, or beside one of others; WeightsError if there is none."""
    if SPEC_KEY in metadata:
        return from_text(path, metadata[SPEC_KEY])
    return foreign_spec(path, content)


def check_ports(path: Path, spec: ModelSpec, inputs: Sequence[str], outputs: Sequence[str]) -> None:
    """Raise WeightsError unless a graph turns what its specification says into what."""
    if not spec.exporter_version:
        Ports(spec).check(path, inputs, outputs)
    elif (set(inputs), set(outputs)) not in _PORTS:
        raise WeightsError(
            f"{path} turns {', '.join(inputs)} into {', '.join(outputs)}, as no network of this "
            f"package does: {_EXPORT}"
        )


def spec_beside(path: Path, content: bytes) -> ModelSpec:
    """The specification of an ONNX file, for runtimes that do not read metadata.

    The JSON file is believed as far as the ONNX file holds the same text, or none.

    Raises:
        WeightsError: the JSON file is missing, or belongs to another ONNX file.
    """
    text = read_exported(sidecar_path(path)).strip()
    is_foreign = SPEC_KEY.encode() not in content and b'"weights_sha256"' not in text
    if text and text not in content and is_foreign:
        return foreign_spec(path, content)
    if not text or text not in content:
        raise WeightsError(f"{sidecar_path(path)} does not belong to {path.name}: {_EXPORT}")
    return from_text(path, text.decode())


def precision_beside(path: Path) -> str:
    """The precision that a file's JSON file tells; empty if it tells none."""
    try:
        return str(json.loads(sidecar_path(path).read_text())["precision"])
    except (OSError, ValueError, TypeError, KeyError):
        return ""


def read_exported(path: Path) -> bytes:
    """The content of an exported file; WeightsError if it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise WeightsError(f"{path}: {error.strerror}: 'vpr export' makes such files") from error


def as_asked(path: Path, spec: ModelSpec, network: str, options: BackendOptions) -> ModelSpec:
    """The specification of an exported file, if it is what the caller wants.

    Whatever the caller leaves open comes from the file: the network if no name is given, the
    input size if none is, settings that are not among ``options.settings``, and any precision
    unless another than fp32 is asked for.

    Raises:
        ConfigError: the file holds something else; the message names both.
    """
    size = (spec.input_width, spec.input_height)
    if network and network != spec.method:
        raise _differs(path, f"network {spec.method}", network)
    if options.input_size not in (None, size):
        raise _differs(path, "input {}x{}".format(*size), "{}x{}".format(*options.input_size))
    if options.precision not in ("fp32", spec.precision):
        raise _differs(path, f"precision {spec.precision}", options.precision)
    for name, value in options.settings.items():
        found = spec.settings.get(name)
        if found != value:
            short = "unknown" if found is None else f"{found:g}"
            raise _differs(path, f"{name} = {short}", f"{value:g}")
    return spec


def _differs(path: Path, found: str, asked: str) -> ConfigError:
    return ConfigError(
        f"{path} was exported for {found}, not {asked}: ask for the former, or export another"
    )
