# SPDX-License-Identifier: Apache-2.0
"""What of a map is kept in memory: the table of its keyframes and the index of what they show."""

from __future__ import annotations

from itertools import count

import numpy as np

from vpr_ros.datatypes import FloatArray, KeyframeKey, KeyframeRecord
from vpr_ros.errors import MapError
from vpr_ros.place_map.corrected_poses import CorrectedPoses
from vpr_ros.place_map.index import Index, open_index
from vpr_ros.place_map.keyframe_table import Columns, KeyframeTable, Numbers
from vpr_ros.place_map.store import Store


class Catalog:
    """The keyframes of a map file, and those that are on their way into it."""

    def __init__(self, store: Store, *, searchable: bool, growing: bool) -> None:
        """Load all keyframes, and their global descriptors if they will be searched.

        Args:
            store: The map's file.
            searchable: Whether descriptors of a known model will be compared with these.
            growing: Whether this program appends; a map that only grows needs no index, and
                without one the mapper's memory stays flat however far it drives.

        Raises:
            MapError: The map is damaged.
        """
        self.path = store.path
        self._store = store
        self._searchable = searchable
        self.table = KeyframeTable()
        self.table.append(store.uuid, store.columns())
        self._index = self._built_index() if searchable and not growing else None
        self._session_names = set(store.session_names())

    def __len__(self) -> int:
        return len(self.table)

    @property
    def index(self) -> Index:
        """The index of the global descriptors; that of a growing map is built when first needed.

        Raises:
            MapError: The map was opened only to look, or is damaged.
        """
        if not self._searchable:
            raise MapError(
                f"{self.path}: opened only to look: searching needs the ModelSpec that makes "
                "the descriptors"
            )
        if self._index is None:
            self._index = self._built_index()
        return self._index

    def _built_index(self) -> Index:
        dim, stop = self._store.spec.global_dim, 0
        # All at once: an index that grows bit by bit copies itself again and again.
        every = np.empty((len(self), dim), np.float32)
        for descriptors in self._store.global_descriptors():
            start, stop = stop, stop + len(descriptors)
            every[start:stop] = descriptors
        index = open_index(dim)
        index.add(every)
        return index

    def row_of(self, key: KeyframeKey) -> int:
        """The row of a keyframe.

        Raises:
            MapError: There is no such keyframe.
        """
        row = self.table.row_of(key)
        if row is None:
            raise MapError(f"{self.path}: there is no keyframe {key.id}")
        return row

    def new_session_name(self, wanted: str) -> str:
        """Return ``wanted``, with a number where it is taken or empty, and reserve it."""
        name = wanted
        numbers = count(2 if wanted else 1)
        while not name or name in self._session_names:
            name = f"{wanted or 'session'}-{next(numbers)}"
        self._session_names.add(name)
        return name

    def add(self, record: KeyframeRecord, descriptor: FloatArray) -> None:
        """Add a keyframe with its global descriptor [D]; ids ascend."""
        if self._index is not None:
            self._index.add(descriptor[None])
        self.table.append(record.key.map, Columns.of(record))

    def move(self, corrected: CorrectedPoses) -> None:
        """Know better where keyframes were taken."""
        self.table = self.table.with_poses(corrected.rows, corrected.poses, corrected.frames)

    def remove(self, rows: Numbers) -> None:
        """Forget the keyframes in some rows."""
        if self._index is not None:
            self._index.remove(rows)
        self.table = self.table.taken(np.setdiff1d(np.arange(len(self)), rows))

    def restore(self, table: KeyframeTable) -> None:
        """Go back to what the file holds; the index is built anew when needed."""
        self.table, self._index = table, None
