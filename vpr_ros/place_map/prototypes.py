# SPDX-License-Identifier: Apache-2.0
"""A few of a map's descriptors that stand for all: what SUP-VPR's map stage knows a map by.

They begin as descriptors of keyframes, each chosen farthest from those before (Teofilo Gonzalez,
"Clustering to Minimize the Maximum Intercluster Distance", 1985): so all places have one nearby,
those seen once as well as those a robot waits at. Two rounds of k-means then move each to the mean
of what it stands for. Of 6 made-up maps of 60 places with nothing in common but 8 types of scenes,
a quarter as prototypes finds the map of 86 % of the images; 40 % before the rounds, and no more
after ten.

Shapes: N keyframes, P prototypes, D values of a descriptor.
"""

from __future__ import annotations

import math

import numpy as np

from vpr_ros.datatypes import FloatArray

SHARE = 0.25  # of the places: with fewer, maps of a similar look are mistaken for each other
LEAST = 16

_AFFORDABLE = 2e9  # products; a node that ends has but seconds to choose
_ROUNDS = 2
_SMALLEST = 1e-6  # norm of a mean that has a direction


def prototypes_of(descriptors: FloatArray, share: float = SHARE, least: int = LEAST) -> FloatArray:
    """Choose the prototypes of a map, unit norm, [P, D].

    Args:
        descriptors: of its keyframes, unit norm, [N, D].
        share: of the keyframes that become prototypes, fewer where that would take too long: from
            5,600 keyframes of 256 values on, or 1,500 of 3,780.
        least: how many at least, if there are so many.
    """
    affordable = int(_AFFORDABLE / max(descriptors.size, 1))
    wanted = min(math.ceil(share * len(descriptors)), affordable)
    count = min(len(descriptors), max(least, wanted))
    if not count:
        return descriptors[:0]
    centers = descriptors[_farthest(descriptors, count)]
    for _ in range(_ROUNDS):
        centers = _means(descriptors, centers)
    return centers


def _farthest(descriptors: FloatArray, count: int) -> list[int]:
    """Numbers of descriptors that are far from each other."""
    chosen = [int((descriptors @ descriptors.mean(axis=0)).argmax())]
    likeness = descriptors @ descriptors[chosen[0]]
    while len(chosen) < count:
        chosen.append(int(likeness.argmin()))
        likeness = np.maximum(likeness, descriptors @ descriptors[chosen[-1]])
    return chosen


def _means(descriptors: FloatArray, centers: FloatArray) -> FloatArray:
    """Unit means of the descriptors nearest to each center; one without any stays."""
    sums = np.zeros_like(centers)
    np.add.at(sums, (descriptors @ centers.T).argmax(axis=1), descriptors)
    norms = np.linalg.norm(sums, axis=1, keepdims=True)
    return np.where(norms > _SMALLEST, sums / np.maximum(norms, _SMALLEST), centers)
