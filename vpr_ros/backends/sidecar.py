# SPDX-License-Identifier: Apache-2.0
"""The JSON file beside a model's own, which says what it is; for networks of others, by hand.

A network that others exported, ``salad.onnx``, needs ``salad.onnx.json``, written by hand::

    {
      "method": "salad",
      "input_height": 322,
      "input_width": 322,
      "mean": [0.485, 0.456, 0.406],
      "std": [0.229, 0.224, 0.225],
      "global_dim": 8448,
      "ports": {"image": "input", "global_descriptor": "output"}
    }

- ``method``: what people and maps call it.
- The graph takes RGB images as float32 [1, 3, H, W]: pixels from 0 to 1, less the mean, divided by
  ``std`` (for pixels from 0 to 255: a mean of 0, a std of 1 / 255).
- ``ports``: what the graph calls its ``image`` and its ``global_descriptor`` [1, D], if otherwise;
  which comes out of it need not have norm 1.
- ``local_dim``: C, if it gives local features of N points, too: under the name of
  ``local_features``, as ``backends.base`` has them, or as three outputs ``keypoints`` [1, N, 2] in
  pixels (x, y) of the input, ``scores`` [1, N], the larger the better, and ``descriptors``
  [1, N, C], which ``ports`` may name otherwise.
- ``pitch``: pixels of the input from one point to the next, if they are patches of a grid.
- ``has_unit_local``: true, if local descriptors come with norm 1.
- ``settings``: ``{"antialias": 1}``, if it was trained on images that were averaged when they were
  made smaller.
- ``precision``: ``fp32`` if it is not said.

What it computes is known by the SHA-256 of the ONNX file: a map of one file is none of another.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vpr_ros.backends.base import GLOBAL_DESCRIPTOR, IMAGE, LOCAL_FEATURES, Arrays
from vpr_ros.datatypes import FloatArray, ModelSpec
from vpr_ros.errors import BackendError, WeightsError
from vpr_ros.models import NETWORKS

KEYPOINTS, POINT_SCORES, DESCRIPTORS = "keypoints", "scores", "descriptors"
_APART = (KEYPOINTS, POINT_SCORES, DESCRIPTORS)
_REQUIRED = ("method", "input_height", "input_width", "mean", "std", "global_dim")
_OPTIONAL = ("local_dim", "pitch", "has_unit_local", "settings", "precision", "ports")


def sidecar_path(path: Path) -> Path:
    """The JSON file that stands beside a model's own."""
    return path.with_name(f"{path.name}.json")


def spec_from_json(data: Mapping[str, Any]) -> ModelSpec:
    """The specification whose fields JSON held; BackendError if this is none."""
    try:
        spec = ModelSpec.of_fields(data)
        if spec.method in NETWORKS:  # what a file of an earlier version did not say of it
            known = NETWORKS[spec.method].spec
            spec = replace(spec, pitch=known.pitch, has_unit_local=known.has_unit_local)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise BackendError(f"no model specification: {error!r}: export the model again") from error
    for name in ("input_height", "input_width", "global_dim", "local_dim"):
        value = getattr(spec, name)
        if not isinstance(value, int) or value < 0:
            raise BackendError(
                f"no model specification: {name} = {value!r}: export the model again"
            )
    return spec


def foreign_spec(path: Path, content: bytes) -> ModelSpec:
    """The specification of an ONNX file of this content, which carries none, by its JSON file.

    Raises:
        WeightsError: the JSON file is missing or says something that it should not.
    """
    beside = sidecar_path(path)
    try:
        values = json.loads(beside.read_text("utf-8"))
        _check_fields(values)
        weights = hashlib.sha256(content).hexdigest()
        made = {"local_dim": 0, "precision": "fp32", "exporter_version": ""}
        return spec_from_json({**made, **values, "weights_sha256": weights})
    except FileNotFoundError as error:
        raise WeightsError(
            f"{path} does not say which network it holds: export it with 'vpr export', or write "
            f"{beside.name} beside it"
        ) from error
    except (OSError, BackendError, ValueError) as error:
        raise WeightsError(f"{beside}: {error}") from error


def _check_fields(values: Any) -> None:
    if not isinstance(values, dict):
        raise ValueError("must be a JSON object")
    missing = [name for name in _REQUIRED if name not in values]
    unknown = [name for name in values if name not in (*_REQUIRED, *_OPTIONAL)]
    if missing or unknown:
        said = f"lacks {', '.join(missing)}" if missing else f"has unknown {', '.join(unknown)}"
        raise ValueError(f"{said}; known: {', '.join((*_REQUIRED, *_OPTIONAL))}")


class Ports:
    """A graph's own names for what goes in and comes out."""

    def __init__(self, spec: ModelSpec) -> None:
        self._spec, self._graph = spec, dict(spec.ports)
        self._is_apart = any(name in self._graph for name in _APART)

    def named(self, name: str) -> str:
        """What the graph calls it."""
        return self._graph.get(name, name)

    @property
    def outputs(self) -> list[str]:
        """The graph's names of what is wanted of it."""
        local = _APART if self._is_apart else (LOCAL_FEATURES,)
        wanted = (GLOBAL_DESCRIPTOR, *(local if self._spec.local_dim else ()))
        return [self.named(name) for name in wanted]

    def check(self, path: Path, inputs: Sequence[str], outputs: Sequence[str]) -> None:
        """Raise WeightsError where the graph lacks a name, or asks for more than an image."""
        lacking = [name for name in self.outputs if name not in outputs]
        if list(inputs) != [self.named(IMAGE)] or lacking:
            raise WeightsError(
                f"{path} turns {', '.join(inputs)} into {', '.join(outputs)}: {self.named(IMAGE)} "
                f"and {', '.join(self.outputs)} are asked for; say in 'ports' of "
                f"{sidecar_path(path).name} what they are called"
            )

    def given(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Inputs by the graph's names."""
        return {self.named(name): array for name, array in inputs.items()}

    def taken(self, outputs: Mapping[str, NDArray[Any]]) -> Arrays:
        """Outputs by the names of ``backends.base``."""
        if not self._graph:
            return dict(outputs)
        found = {GLOBAL_DESCRIPTOR: outputs[self.named(GLOBAL_DESCRIPTOR)]}
        if self._spec.local_dim and self._is_apart:
            found[LOCAL_FEATURES] = self._rows(*(outputs[self.named(name)] for name in _APART))
        elif self._spec.local_dim:
            found[LOCAL_FEATURES] = outputs[self.named(LOCAL_FEATURES)]
        return found

    def _rows(self, keypoints: FloatArray, scores: FloatArray, descriptors: FloatArray) -> Any:
        """Local features [B, N, 3 + C] as ``backends.base`` has them."""
        longer = max(self._spec.input_width, self._spec.input_height)
        columns = [keypoints / np.float32(longer), scores[..., None], descriptors]
        return np.concatenate(columns, axis=-1, dtype=np.float32)
