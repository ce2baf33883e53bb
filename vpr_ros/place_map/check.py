# SPDX-License-Identifier: Apache-2.0
"""Reads everything that a map file holds, and says what of it is damaged."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from vpr_ros.errors import MapError
from vpr_ros.place_map.blocks import damaged_blocks, facts_of_rows
from vpr_ros.place_map.database import Database
from vpr_ros.place_map.store import Store


def damages(database: Database) -> Iterator[str]:
    """Everything that is damaged in a map, in words; nothing for a sound one."""
    for (verdict,) in database.execute("PRAGMA quick_check"):
        if verdict != "ok":
            yield f"{database.path}: {verdict}"
    try:
        store = Store(database)
        ids = [number for (number,) in database.execute("SELECT id FROM keyframes ORDER BY id")]
    except MapError as error:
        yield str(error)
        return
    yield from _raised(store.calibration)
    yield from _raised(store.columns)
    yield from damaged_blocks(database, store.spec.global_dim)
    for number in ids:
        yield from _raised(partial(facts_of_rows, database, number, number))
        for read in (store.features, store.points, store.thumbnail, store.camera):
            yield from _raised(partial(read, number))


def _raised(read: Callable[[], object]) -> Iterator[str]:
    try:
        read()
    except MapError as error:
        yield str(error)
