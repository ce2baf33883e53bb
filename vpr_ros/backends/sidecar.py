# SPDX-License-Identifier: Apache-2.0
"""A model's specification as JSON, for the files that stand beside a model's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from vpr_ros.datatypes import ModelSpec
from vpr_ros.errors import BackendError
from vpr_ros.models import NETWORKS


def sidecar_path(path: Path) -> Path:
    """The JSON file that stands beside a model's own."""
    return path.with_name(f"{path.name}.json")


def spec_to_json(spec: ModelSpec) -> dict[str, Any]:
    """The specification as JSON can hold it."""
    return asdict(spec)


def spec_from_json(data: Mapping[str, Any]) -> ModelSpec:
    """The specification that ``spec_to_json`` gave.

    Raises:
        BackendError: this is none.
    """
    try:
        spec = _with_facts(ModelSpec.of_fields(data))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise BackendError(f"no model specification: {error!r}: export the model again") from error
    _check_sizes(spec)
    return spec


def _with_facts(spec: ModelSpec) -> ModelSpec:
    """What a file of an earlier version did not say of a network of this package."""
    if spec.method not in NETWORKS:
        return spec
    known = NETWORKS[spec.method].spec
    return replace(spec, pitch=known.pitch, has_unit_local=known.has_unit_local)


def _check_sizes(spec: ModelSpec) -> None:
    for name in ("input_height", "input_width", "global_dim", "local_dim"):
        value = getattr(spec, name)
        if not isinstance(value, int) or value < 0:
            raise BackendError(
                f"no model specification: {name} = {value!r}: export the model again"
            )
