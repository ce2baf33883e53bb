# SPDX-License-Identifier: Apache-2.0
"""The published data sets and plain folders, each read by the rules that its numbers follow."""

from __future__ import annotations

from pathlib import Path

from vpr_ros.errors import DatasetError
from vpr_ros.evaluation.protocols import (
    msls,
    netvlad_sets,
    nordland,
    placed_folders,
    plain_csv,
    plain_json,
    revisited,
    robotcar,
    san_francisco,
)
from vpr_ros.evaluation.protocols.base import Protocol, Value
from vpr_ros.evaluation.retrieval_set import RetrievalSet

PROTOCOLS: dict[str, Protocol] = {
    "msls": msls.PROTOCOL,
    "pitts30k": netvlad_sets.PITTS30K,
    "pitts250k": netvlad_sets.PITTS250K,
    "tokyo247": netvlad_sets.TOKYO247,
    "nordland": nordland.NORDLAND_27592,
    "nordland-2760": nordland.NORDLAND_2760,
    "nordland-3450": nordland.NORDLAND_3450,
    "robotcar-seasons-v2": robotcar.PROTOCOL,
    "san-francisco": san_francisco.PROTOCOL,
    "roxford5k": revisited.ROXFORD5K,
    "rparis6k": revisited.RPARIS6K,
    "utm": placed_folders.UTM,
    "csv": plain_csv.PROTOCOL,
    "json": plain_json.PROTOCOL,
    "poses": placed_folders.POSES,
}


def read_set(name: str, folder: Path, **options: Value) -> RetrievalSet:
    """Read a data set by the name of its protocol.

    Raises:
        DatasetError: there is no protocol of that name, or as ``Protocol.read``.
    """
    if name not in PROTOCOLS:
        raise DatasetError(f"no protocol {name!r}; known: {', '.join(PROTOCOLS)}")
    return PROTOCOLS[name].read(folder, **options)
