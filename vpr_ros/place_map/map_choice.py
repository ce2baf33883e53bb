# SPDX-License-Identifier: Apache-2.0
"""Which of several maps an image is from, told by a few descriptors of each: a prior, not a gate.

The map stage of SUP-VPR without its training: every map is known by the prototypes of its
descriptors, and what an image resembles most is likely its map. The paper takes one vector for each
city. Where maps share their looks, as floors of one building do, that is almost useless: with 6
made-up maps of 60 places, one prototype finds the map of a third of the images, 16 of 97 %.

The probabilities decide which maps are searched first. A map is left out only where no keyframe of
it can be among the best: see ``PrototypeTable``.

Shapes: M maps, N keyframes of one map, P prototypes of one map, D values of a descriptor.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from vpr_ros.datatypes import FloatArray
from vpr_ros.place_map.map_stage import MapStage
from vpr_ros.place_map.prototype_table import PrototypeTable
from vpr_ros.place_map.prototypes import Prototypes

Found = TypeVar("Found")

_TEMPERATURE = 0.2  # of the step from a foreign map's likeness to the own map's: odds of 150 to 1
_SMALLEST_STEP = 1e-3  # likeness; less is rounding
_ROUNDING = 1e-5  # of an inner product in float32


@dataclass(frozen=True)
class MapBelief:
    """What the prototypes say of one image."""

    probabilities: NDArray[np.float64]  # [M] that it is from each map
    none: float  # that it is from none of them
    bounds: FloatArray  # [M] no keyframe of a map has a larger inner product

    @property
    def order(self) -> list[int]:
        """Numbers of the maps, the likeliest first; equal ones keep their order."""
        return [int(number) for number in np.argsort(-self.probabilities, kind="stable")]


@dataclass(frozen=True)
class Searched(Generic[Found]):
    """What a search in the order of a belief gave."""

    found: list[tuple[int, Found, float]]  # (map, what was found, inner product), best first
    maps: list[int]  # numbers of those that were searched, in order


class MapChoice:
    """Tells maps apart by their prototypes."""

    def __init__(
        self,
        maps: Sequence[Prototypes],
        temperature: float = _TEMPERATURE,
        stage: MapStage | None = None,
    ) -> None:
        """Compare the maps with each other.

        Likeness means another thing for each method of description, so it is measured in steps
        from what an image of elsewhere reaches to what one of the map itself does.

        Args:
            maps: the prototypes of each, of one method.
            temperature: of the posterior, in such steps; less makes it surer of itself.
            stage: SUP-VPR's, trained, which then says what the likeness would.
        """
        self._stage = stage
        self._table = PrototypeTable(maps)
        self.foreign = _foreign(maps)
        own = [float(np.mean(np.cos(each.radii))) for each in maps if len(each)]
        step = max(float(np.mean(own or [1.0])) - self.foreign, _SMALLEST_STEP)
        self._scale = temperature * step

    @property
    def maps(self) -> tuple[Prototypes, ...]:
        """What it was made of."""
        return self._table.maps

    def grown(self, maps: Sequence[Prototypes]) -> MapChoice:
        """For the same maps after one has grown; what likeness means is not measured anew."""
        other = copy(self)
        other._table = PrototypeTable(maps)
        return other

    def belief(
        self, descriptor: FloatArray, prior: Sequence[float] | None = None, prior_none: float = 0.1
    ) -> MapBelief:
        """What the prototypes say of an image.

        ``p(map) ~ prior(map) exp(likeness / scale)``: likeness is the largest inner product with a
        prototype of the map. The paper's attention sums over all prototypes, which favors maps
        that have many. "None" has the likeness that images of elsewhere reach: prototypes alone
        tell it badly, so places must confirm it.

        Args:
            descriptor: of the image, unit norm, [D].
            prior: of each map, as from what the last images said; alike if not given.
            prior_none: of no map.
        """
        weights = np.ones(len(self.maps)) if prior is None else np.asarray(prior, np.float64)
        total = float(weights.sum())
        weights = weights * ((1.0 - prior_none) / total) if total > 0.0 else weights
        found = self._table.compare(descriptor)
        priors = np.array([*weights, prior_none])
        if self._stage is None:
            shares = self._by_likeness(found.likeness, priors)
        else:
            shares = self._stage.posterior(
                descriptor, self._table.centers, self._table.is_of(), priors
            )
        return MapBelief(shares[:-1], float(shares[-1]), found.bounds)

    def _by_likeness(self, likeness: FloatArray, prior: NDArray[np.float64]) -> NDArray[np.float64]:
        """The posterior of each map and, last, of none, [M + 1]."""
        with np.errstate(divide="ignore"):
            logits = np.log(prior) + np.array([*likeness, self.foreign]) / self._scale
        shares = np.exp(logits - logits.max())
        return np.asarray(shares / shares.sum())


def search_in_order(
    belief: MapBelief, search: Callable[[int], Sequence[tuple[Found, float]]], k: int
) -> Searched[Found]:
    """The k best keyframes of all maps: the same as if all had been searched.

    Args:
        belief: which maps are likely, and what they can hold.
        search: gives the k best of the map of this number, best first.
        k: how many are wanted.
    """
    found: list[tuple[int, Found, float]] = []
    searched: list[int] = []
    for number in belief.order:
        least = found[k - 1][2] if len(found) >= k else -math.inf
        if belief.bounds[number] + _ROUNDING < least:
            continue
        searched.append(number)
        better = [(number, each, s) for each, s in search(number) if s >= least]
        if better:
            found = sorted([*found, *better], key=lambda each: (-each[2], each[0]))[:k]
    return Searched(found, searched)


def _foreign(maps: Sequence[Prototypes]) -> float:
    """How alike an image is to maps that it is not from, as a mean over the prototypes of all.

    Of a single map nothing foreign is known; its own prototypes, which are of different places,
    take that role.
    """
    filled = [each for each in maps if len(each)]
    likeness = []
    for number, each in enumerate(filled):
        others = [other.centers for index, other in enumerate(filled) if index != number]
        if others:
            likeness.append((each.centers @ np.concatenate(others).T).max(axis=1))
        elif len(each) > 1:
            products = each.centers @ each.centers.T
            np.fill_diagonal(products, -1.0)
            likeness.append(products.max(axis=1))
    return float(np.mean(np.concatenate(likeness))) if likeness else 0.0
