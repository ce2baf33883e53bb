# SPDX-License-Identifier: Apache-2.0
"""What a published figure is: a method, a data set, numbers, and where they stand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

TRANSVPR = "Wang et al., TransVPR, CVPR 2022, supplement"
R2FORMER = "Zhu et al., R2Former, CVPR 2023, supplement"
R2FORMER_POSTER = "Zhu et al., R2Former, CVPR 2023, poster"
APPSVR = "Peng et al., APPSVR, ICCV 2021, supplement"
SUPVPR = "SUP-VPR"


@dataclass(frozen=True)
class Recall:
    """Recall@N of one method on one data set."""

    method: str
    data_set: str  # name of the protocol, as in ``protocols.PROTOCOLS``; with its split
    recall: Mapping[int, float]  # N -> from 0 to 1
    source: str  # paper and table
    note: str = ""  # what has to be known to compare with it


@dataclass(frozen=True)
class Localized:
    """Part of the queries localized within 0.25 m and 2 deg, 0.5 m and 5 deg, 5 m and 10 deg."""

    method: str
    condition: str  # of RobotCar Seasons v2; "all": weighted by their numbers of queries
    shares: tuple[float, float, float]  # from 0 to 1
    source: str


@dataclass(frozen=True)
class Cost:
    """What a method takes for one query and for the database."""

    method: str
    global_size: int  # numbers of the global descriptor
    local_size: tuple[int, int]  # local descriptors, numbers of each; (0, 0): none
    extraction_ms: float
    retrieval_ms: float
    reranking_ms: float | None  # of 100 candidates; None: no reranking
    msls_val_gib: float  # descriptors of MSLS val
    million_gib: float  # descriptors of a million images
    source: str


def recalls_of(
    table: str, data_set: str, source: str, note: str = "", counts: tuple[int, ...] = (1, 5, 10)
) -> tuple[Recall, ...]:
    """Lines of a method and its percentages, as papers print them."""
    found = []
    for line in table.strip().splitlines():
        fields = line.split()
        method, numbers = " ".join(fields[: -len(counts)]), fields[-len(counts) :]
        recall = {
            count: round(float(text) / 100.0, 4)
            for count, text in zip(counts, numbers, strict=True)
        }
        found.append(Recall(method, data_set, recall, source, note))
    return tuple(found)
