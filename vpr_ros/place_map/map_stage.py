# SPDX-License-Identifier: Apache-2.0
"""SUP-VPR's trained map stage at work: which map a descriptor is from, by attention to prototypes.

``models.sup_vpr`` defines it and explains how the paper is read. It is small, and the number
of prototypes changes whenever a map grows: so it runs on numpy, and needs neither torch nor an
exported graph. Tests hold the two against each other.

Shapes: S prototypes of all M maps, D values of a descriptor, H heads.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vpr_ros.datatypes import FloatArray
from vpr_ros.errors import MapError

_EPSILON = 1e-6  # of layer normalizations, as in ``models.layers``
_ERF = np.vectorize(math.erf, otypes=[np.float32])
_FACTS = ("heads", "tau", "space")


@dataclass(frozen=True)
class MapStage:
    """A trained stage.

    Attributes:
        weights: by the keys of ``models.sup_vpr.MapStage``.
        heads: H.
        tau: temperature of the posterior, in units of inner products.
        space: of the descriptors that it was trained with.
    """

    weights: Mapping[str, FloatArray]
    heads: int
    tau: float
    space: str

    @classmethod
    def read(cls, path: Path, space: str) -> MapStage:
        """Read what 'vpr train-maps' wrote.

        Args:
            path: the file, ``*.npz``.
            space: of the descriptors that it will be asked about.

        Raises:
            MapError: it cannot be read, or was trained with another model's descriptors.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                content = {name: file[name] for name in file.files}
            facts = [content.pop(name).item() for name in _FACTS]
        except (OSError, ValueError, KeyError, EOFError) as error:
            raise MapError(f"{path}: no map stage that 'vpr train-maps' wrote: {error}") from error
        if facts[2] != space:
            raise MapError(f"{path}: trained with another model's descriptors: train it again")
        return cls(content, int(facts[0]), float(facts[1]), str(facts[2]))

    def posterior(
        self,
        descriptor: FloatArray,
        prototypes: FloatArray,
        owners: NDArray[np.bool_],
        prior: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Probability of each map and, last, of none, [M + 1].

        Args:
            descriptor: of an image, unit norm, [D].
            prototypes: unit norm, [S, D].
            owners: whether a prototype is of a map, [M, S].
            prior: of each map and, last, of none, [M + 1].
        """
        found = descriptor
        for number in range(self._blocks):
            found = self._block(f"blocks.{number}.", found, prototypes)
        found = found / max(float(np.linalg.norm(found)), 1e-12)
        logits = (prototypes @ self.weights["keys.weight"].T) @ found / self.tau
        null = float(self.weights["null"]) / self.tau
        # All in units of the largest, so that nothing overflows.
        top = max(float(logits.max(initial=-np.inf)), null)
        shares = np.exp(logits.astype(np.float64) - top)
        mass = np.array([*(shares[own].sum() for own in owners), math.exp(null - top)])
        return np.asarray(mass * prior / (mass * prior).sum())

    @property
    def _blocks(self) -> int:
        names = {key.split(".")[1] for key in self.weights if key.startswith("blocks.")}
        return len(names)

    def _block(self, at: str, descriptor: FloatArray, prototypes: FloatArray) -> FloatArray:
        keys = self._normed(f"{at}key_norm", prototypes)
        descriptor = descriptor + self._seen(
            f"{at}attention.", self._normed(f"{at}norm", descriptor), keys
        )
        hidden = self._linear(f"{at}mlp.0", self._normed(f"{at}norm2", descriptor))
        hidden = hidden * 0.5 * (1.0 + _ERF(hidden / math.sqrt(2.0)))
        return np.asarray(descriptor + self._linear(f"{at}mlp.2", hidden), np.float32)

    def _seen(self, at: str, query: FloatArray, keys: FloatArray) -> FloatArray:
        """Multi-head attention of one query."""
        weight, bias = self.weights[f"{at}in_proj_weight"], self.weights[f"{at}in_proj_bias"]
        dim = len(query)
        q, k, v = (
            rows @ weight[part].T + bias[part]
            for rows, part in zip(
                (query, keys, keys), (slice(n * dim, (n + 1) * dim) for n in range(3)), strict=True
            )
        )
        size = dim // self.heads
        q = q.reshape(self.heads, size) / math.sqrt(size)
        k, v = (each.reshape(-1, self.heads, size).transpose(1, 0, 2) for each in (k, v))
        logits = np.einsum("hd,hsd->hs", q, k)
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        mixed = np.einsum("hs,hsd->hd", shares, v).ravel()
        return self._linear(f"{at}out_proj", mixed)

    def _linear(self, at: str, values: FloatArray) -> FloatArray:
        found = values @ self.weights[f"{at}.weight"].T + self.weights[f"{at}.bias"]
        return np.asarray(found, np.float32)

    def _normed(self, at: str, values: FloatArray) -> FloatArray:
        centered = values - values.mean(axis=-1, keepdims=True)
        spread = np.sqrt((centered**2).mean(axis=-1, keepdims=True) + _EPSILON)
        scaled = centered / spread * self.weights[f"{at}.weight"] + self.weights[f"{at}.bias"]
        return np.asarray(scaled, np.float32)
