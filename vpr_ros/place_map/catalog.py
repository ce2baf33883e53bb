# SPDX-License-Identifier: Apache-2.0
"""What of a map is kept in memory: the list of its keyframes and their index."""

from __future__ import annotations

from itertools import count

from vpr_ros.datatypes import FloatArray, KeyframeRecord
from vpr_ros.errors import MapError
from vpr_ros.place_map.index import DescriptorIndex
from vpr_ros.place_map.store import Store


class Catalog:
    """The keyframes of a map file, and those that are on their way into it."""

    def __init__(self, store: Store, *, searchable: bool) -> None:
        """Load all keyframes, and their global descriptors where they will be searched.

        Raises:
            MapError: The map is damaged, or faiss is not installed.
        """
        self.path = store.path
        self._index = DescriptorIndex(store.spec.global_dim) if searchable else None
        self._records = {record.keyframe_id: record for record in store.records()}
        if self._index is not None:
            for ids, descriptors in store.global_descriptors():
                self._index.add(ids, descriptors)
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
        """The index of the global descriptors.

        Raises:
            MapError: The map was opened only to look.
        """
        if self._index is None:
            raise MapError(
                f"{self.path}: opened only to look: searching needs the ModelSpec that makes "
                "the descriptors"
            )
        return self._index

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
        self.index.add([record.keyframe_id], descriptor[None])
        self._records[record.keyframe_id] = record

    def truncate(self, size: int) -> None:
        """Forget everything but the first ``size`` keyframes."""
        self.index.truncate(size)
        for keyframe_id in list(self._records)[size:]:
            del self._records[keyframe_id]
