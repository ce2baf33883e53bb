# SPDX-License-Identifier: Apache-2.0
"""Which keyframes look most like an image: exact inner-product search, by faiss or by numpy.

The index lives in memory and can always be rebuilt from the map file. It is exact: a robot's map
has up to some 100,000 keyframes, which one core compares in a fraction of a second.

Shapes: K descriptors of D values; rows count them in the order they were added.
"""

from __future__ import annotations

import functools
import importlib
import logging
from typing import Any, Protocol

import numpy as np

from vpr_ros.datatypes import FloatArray
from vpr_ros.place_map.keyframe_table import Flags, Numbers

log = logging.getLogger(__name__)


class Index(Protocol):
    """Global descriptors in memory, found by their inner product with a query."""

    library: str  # that does the work, for people

    def __len__(self) -> int:
        """K."""
        ...

    def add(self, descriptors: FloatArray) -> None:
        """Add descriptors [M, D] behind those that there are."""
        ...

    def remove(self, rows: Numbers) -> None:
        """Take descriptors out; those behind them move up."""
        ...

    def search(
        self, descriptor: FloatArray, k: int, hidden: Flags | None = None
    ) -> tuple[Numbers, FloatArray]:
        """The k rows with the largest inner product and these, best first, equal ones by row.

        Args:
            descriptor: the query, float32 [D].
            k: how many; fewer are returned where fewer are there.
            hidden: rows that must not be returned, [K].
        """
        ...

    def similarities(self, descriptors: FloatArray) -> FloatArray:
        """The inner products of [D] or [M, D] with all descriptors, [K] or [M, K]."""
        ...

    def exact(self, rows: Numbers | slice) -> FloatArray:
        """The descriptors of some rows as they were added, [M, D]."""
        ...


def open_index(dim: int) -> Index:
    """An empty index for descriptors of D values: faiss, or numpy where that is not installed."""
    faiss = _faiss()
    return NumpyIndex(dim) if faiss is None else FaissIndex(dim, faiss)


@functools.cache
def _faiss() -> Any | None:
    try:
        return importlib.import_module("faiss")
    except ImportError:
        log.info("faiss is not installed: maps are searched by numpy, which finds the same")
        return None


class NumpyIndex:
    """One matrix; a search is one product with it."""

    library = "numpy"

    def __init__(self, dim: int) -> None:
        self._room = np.empty((0, dim), np.float32)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, descriptors: FloatArray) -> None:
        """See ``Index``; on average at one cost, however many there are."""
        stop = self._count + len(descriptors)
        if stop > len(self._room):
            room = np.empty((max(stop, 2 * self._count), self._room.shape[1]), np.float32)
            room[: self._count] = self._room[: self._count]
            self._room = room
        self._room[self._count : stop] = descriptors
        self._count = stop

    def remove(self, rows: Numbers) -> None:
        """See ``Index``."""
        self._room = np.delete(self._room[: self._count], rows, axis=0)
        self._count = len(self._room)

    def search(
        self, descriptor: FloatArray, k: int, hidden: Flags | None = None
    ) -> tuple[Numbers, FloatArray]:
        """See ``Index``."""
        similarities = self.similarities(descriptor)
        rows = np.arange(len(self)) if hidden is None else np.flatnonzero(~hidden)
        k = min(k, len(rows))
        if k <= 0:
            return _NOTHING
        shown = similarities[rows]
        # All that tie with the last one stay, so that the order of the rows decides.
        near = np.flatnonzero(shown >= np.partition(shown, len(shown) - k)[len(shown) - k])
        best = near[np.argsort(-shown[near], kind="stable")[:k]]
        return rows[best], shown[best]

    def similarities(self, descriptors: FloatArray) -> FloatArray:
        """See ``Index``."""
        return np.asarray(np.asarray(descriptors, np.float32) @ self._room[: self._count].T)

    def exact(self, rows: Numbers | slice) -> FloatArray:
        """See ``Index``."""
        return np.array(self._room[: self._count][rows])


class FaissIndex:
    """``IndexFlatIP``, which compares with all descriptors."""

    library = "faiss"

    def __init__(self, dim: int, faiss: Any) -> None:
        self._faiss = faiss
        self._index = faiss.IndexFlatIP(dim)
        self._waiting: list[FloatArray] = []  # for the next search; copying them takes its time

    def __len__(self) -> int:
        return int(self._index.ntotal) + sum(map(len, self._waiting))

    def add(self, descriptors: FloatArray) -> None:
        """See ``Index``."""
        self._waiting.append(descriptors)

    def _complete(self) -> Any:
        # faiss grows its memory geometrically: the cost of one append stays constant on average.
        for descriptors in self._waiting:
            self._index.add(np.ascontiguousarray(descriptors, dtype=np.float32))
        self._waiting.clear()
        return self._index

    def remove(self, rows: Numbers) -> None:
        """See ``Index``."""
        if len(rows):
            self._complete().remove_ids(np.asarray(rows, np.int64))

    def search(
        self, descriptor: FloatArray, k: int, hidden: Flags | None = None
    ) -> tuple[Numbers, FloatArray]:
        """See ``Index``."""
        available = len(self) if hidden is None else int(len(self) - hidden.sum())
        wanted = min(k, available)
        if wanted <= 0:
            return _NOTHING
        # faiss keeps any of the equal ones at the end of its list: look on until the tie is over.
        fetch = min(wanted + 1, available)
        similarities, rows = self._nearest(descriptor, fetch, hidden)
        while fetch < available and similarities[-1] == similarities[wanted - 1]:
            fetch = min(2 * fetch, available)
            similarities, rows = self._nearest(descriptor, fetch, hidden)
        order = np.lexsort((rows, -similarities))[:wanted]
        return rows[order], similarities[order]

    def similarities(self, descriptors: FloatArray) -> FloatArray:
        """See ``Index``."""
        return np.asarray(np.asarray(descriptors, np.float32) @ self._rows().T)

    def exact(self, rows: Numbers | slice) -> FloatArray:
        """See ``Index``."""
        return np.array(self._rows()[rows])

    def _rows(self) -> FloatArray:
        """Faiss' own memory, [K, D], valid until the next change."""
        if not len(self):
            return np.empty((0, self._index.d), np.float32)
        size = len(self) * self._index.d
        return np.asarray(
            self._faiss.rev_swig_ptr(self._complete().get_xb(), size).reshape(len(self), -1)
        )

    def _nearest(
        self, descriptor: FloatArray, count: int, hidden: Flags | None
    ) -> tuple[FloatArray, Numbers]:
        query = np.ascontiguousarray(descriptor, dtype=np.float32)[np.newaxis]
        # Where rows are chosen, faiss stays on this thread; for one query others cost more than
        # they bring, so all are chosen where none is hidden.
        shown = np.ones(len(self), np.bool_) if hidden is None else ~hidden
        bitmap = self._faiss.IDSelectorBitmap(np.packbits(shown, bitorder="little"))
        parameters = self._faiss.SearchParameters(sel=bitmap)
        similarities, rows = self._complete().search(query, count, params=parameters)
        return similarities[0], rows[0]


_BLOCK = 256  # values of which the largest is looked at first
_NOTHING = (np.empty(0, np.int64), np.empty(0, np.float32))


def largest(values: FloatArray, count: int) -> Numbers:
    """Positions of the largest values, all of them if there are fewer."""
    rows = np.arange(len(values))
    blocks = len(values) // _BLOCK
    if blocks > 2 * count:  # the largest values lie in the blocks with the largest maxima
        maxima = values[: blocks * _BLOCK].reshape(blocks, _BLOCK).max(axis=1)
        chosen = np.argpartition(-maxima, count)[:count]
        inside = (chosen[:, None] * _BLOCK + np.arange(_BLOCK)).ravel()
        rows = np.concatenate([inside, rows[blocks * _BLOCK :]])
    if count >= len(rows):
        return rows
    return np.asarray(rows[np.argpartition(-values[rows], count)[:count]])
