# SPDX-License-Identifier: Apache-2.0
"""What of a map is kept in memory: the list of its keyframes and their index."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count

from vpr_ros.datatypes import FloatArray, KeyframeRecord
from vpr_ros.errors import MapError
from vpr_ros.place_map.index import DescriptorIndex, load_faiss
from vpr_ros.place_map.store import Store


class Catalog:
    """The keyframes of a map file, and those that are on their way into it."""

    def __init__(self, store: Store, *, searchable: bool, growing: bool) -> None:
        """Load all keyframes, and look once at their global descriptors if they may be searched.

        Args:
            store: The map's file.
            searchable: Whether descriptors of a known model will be compared with these.
            growing: Whether this program appends; a map that only grows needs no index, and
                without one the mapper's memory stays flat however far it drives.

        Raises:
            MapError: The map is damaged, or faiss is not installed.
        """
        self.path = store.path
        self._store = store
        self._searchable = searchable
        self._index: DescriptorIndex | None = None
        self._records = {record.keyframe_id: record for record in store.records()}
        if searchable and growing:
            load_faiss()
            for _ in store.global_descriptors():
                pass  # reading checks them
        elif searchable:
            self._index = self._built_index()
        self._session_names = {record.session for record in self._records.values()}

    def __len__(self) -> int:
        return len(self._records)

    def __getitem__(self, keyframe_id: int) -> KeyframeRecord:
        if keyframe_id not in self._records:
            raise MapError(f"{self.path}: there is no keyframe {keyframe_id}")
        return self._records[keyframe_id]

    @property
    def records(self) -> list[KeyframeRecord]:
        """All keyframes by ascending id."""
        return list(self._records.values())

    @property
    def index(self) -> DescriptorIndex:
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

    def _built_index(self) -> DescriptorIndex:
        index = DescriptorIndex(self._store.spec.global_dim)
        for ids, descriptors in self._store.global_descriptors():
            index.add(ids, descriptors)
        return index

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
            self._index.add([record.keyframe_id], descriptor[None])
        self._records[record.keyframe_id] = record

    def replace(self, records: Iterable[KeyframeRecord]) -> None:
        """Know better what is known of keyframes besides their descriptors."""
        self._records.update({record.keyframe_id: record for record in records})

    def truncate(self, size: int) -> None:
        """Forget everything but the first ``size`` keyframes."""
        if self._index is not None:
            self._index.truncate(size)
        for keyframe_id in list(self._records)[size:]:
            del self._records[keyframe_id]
