# SPDX-License-Identifier: Apache-2.0
"""Which keyframes look most like an image: exact inner-product search with faiss.

The index lives in memory and can always be rebuilt from the map file. It is exact: a robot's map
has up to some 100,000 keyframes, which one core compares in a fraction of a second.
"""

from __future__ import annotations

import importlib
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vpr_ros.datatypes import FloatArray
from vpr_ros.errors import MapError

Positions = NDArray[np.int64]


def load_faiss() -> Any:
    """Import faiss, which is needed to search a map, not to look into one.

    Raises:
        MapError: It is not installed.
    """
    try:
        return importlib.import_module("faiss")
    except ImportError as error:
        raise MapError(f"searching a map needs faiss ({error}): pip install faiss-cpu") from error


class DescriptorIndex:
    """Global descriptors [M, D] in memory, found by their inner product with a query."""

    def __init__(self, dim: int) -> None:
        """Start empty.

        Raises:
            MapError: faiss is not installed.
        """
        self._faiss = load_faiss()
        self._index = self._faiss.IndexFlatIP(dim)
        self._ids: list[int] = []
        self._position_of: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._ids)

    def add(self, ids: Sequence[int], descriptors: FloatArray) -> None:
        """Add descriptors [M, D] under ids [M]; ids ascend from call to call."""
        # faiss grows its memory geometrically: the cost of one append stays constant on average.
        self._index.add(np.ascontiguousarray(descriptors, dtype=np.float32))
        self._position_of.update(zip(ids, range(len(self), len(self) + len(ids)), strict=True))
        self._ids.extend(ids)

    def descriptors(self, start: int) -> FloatArray:
        """Return the descriptors from a position on, in the order they were added, [M, D]."""
        rows = self._index.reconstruct_n(start, len(self) - start)
        return np.asarray(rows, np.float32).reshape(-1, self._index.d)

    def truncate(self, size: int) -> None:
        """Forget everything but the first ``size`` descriptors."""
        self._index.remove_ids(self._faiss.IDSelectorRange(size, len(self)))
        for keyframe_id in self._ids[size:]:
            del self._position_of[keyframe_id]
        del self._ids[size:]

    def search(
        self, descriptor: FloatArray, k: int, exclude: Collection[int] = ()
    ) -> list[tuple[int, float]]:
        """Return the k ids with the largest inner product, best first, equal ones by id.

        Args:
            descriptor: The query, float32 [D].
            k: How many; fewer are returned where fewer are there.
            exclude: Ids that must not be returned; unknown ones do no harm.
        """
        found = (self._position_of.get(keyframe_id) for keyframe_id in set(exclude))
        hidden = np.array([position for position in found if position is not None], np.int64)
        available = len(self) - len(hidden)
        wanted = min(k, available)
        if wanted <= 0:
            return []
        # faiss keeps any of the equal ones at the end of its list: look on until the tie is over.
        fetch = min(wanted + 1, available)
        similarities, positions = self._nearest(descriptor, fetch, hidden)
        while fetch < available and similarities[-1] == similarities[wanted - 1]:
            fetch = min(2 * fetch, available)
            similarities, positions = self._nearest(descriptor, fetch, hidden)
        order = np.lexsort((positions, -similarities))[:wanted]
        return [(self._ids[positions[i]], float(similarities[i])) for i in order]

    def similarities(self, descriptor: FloatArray) -> FloatArray:
        """Return the inner products with all descriptors in the order they were added, [M]."""
        if not len(self):
            return np.zeros(0, np.float32)
        size = len(self) * self._index.d
        # faiss' own memory, valid until the next change: nothing is copied but the result.
        rows = self._faiss.rev_swig_ptr(self._index.get_xb(), size).reshape(len(self), -1)
        products: FloatArray = rows @ np.ascontiguousarray(descriptor, dtype=np.float32)
        return products

    def _nearest(
        self, descriptor: FloatArray, count: int, hidden: Positions
    ) -> tuple[FloatArray, Positions]:
        query = np.ascontiguousarray(descriptor, dtype=np.float32)[np.newaxis]
        parameters = None
        if len(hidden):
            shown = self._faiss.IDSelectorNot(self._faiss.IDSelectorBatch(hidden))
            parameters = self._faiss.SearchParameters(sel=shown)
        similarities, positions = self._index.search(query, count, params=parameters)
        return similarities[0], positions[0]
