# SPDX-License-Identifier: Apache-2.0
"""A data set as evaluation sees it: two lists of images, and which of one are right for which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vpr_ros.datatypes import ImageArray, Pose

Indices = NDArray[np.int64]


class ImageSource(Protocol):
    """Images that are read one by one: there may be more of them than fit in memory."""

    @property
    def names(self) -> Sequence[str]:
        """What each image is called in its data set: unique, in a fixed order."""
        ...

    def read(self, index: int) -> ImageArray:
        """One image, RGB, uint8 [H, W, 3].

        Raises:
            ImageError: it is missing or damaged.
        """
        ...


@dataclass(frozen=True)
class Relevance:
    """Which database images a rule takes for right answers; Q is the number of queries."""

    positives: tuple[Indices, ...]  # [Q] arrays of database indices, ascending
    ignored: tuple[Indices, ...] = ()  # [Q] neither right nor wrong: taken out of rankings; or none
    # Whether a query without positives is counted as missed, or not at all. Published rules differ.
    counts_unmatched: bool = False


@dataclass(frozen=True)
class RetrievalSet:
    """Queries, the database they are looked for in, and the truth about both."""

    name: str
    database: ImageSource
    queries: ImageSource
    # Name of a rule -> what it takes for right. Empty where the truth is kept secret.
    relevance: Mapping[str, Relevance]
    # Name of a condition (night, snow, a city) -> indices of its queries.
    conditions: Mapping[str, Indices] = field(default_factory=dict)
    # [Q] the drive that each query belongs to: those of one drive are not independent.
    sequence_of: Indices | None = None
    database_poses: tuple[Pose | None, ...] = ()  # one for each image, or none at all
    query_poses: tuple[Pose | None, ...] = ()
    # [D] the panorama that each database image was cut from, where only the best of each counts.
    panorama_of: Indices | None = None
