# SPDX-License-Identifier: Apache-2.0
"""Time of one query and memory of a database, as one table compares them.

It names no GPU. Its "GB" are GiB: R2Former's 244.01 for a million images are 500 local descriptors
of 131 numbers in 32 bits, without the global ones; MSLS val is database and queries together.
"""

from __future__ import annotations

from dataclasses import dataclass

from vpr_ros.evaluation.published.recalls import R2FORMER_POSTER

_TABLE = f"{R2FORMER_POSTER}, computational efficiency"


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


COSTS = (
    Cost("ResNet101 + NetVLAD", 65536, (0, 0), 9.60, 2.33, None, 4.79, 244.14, _TABLE),
    Cost("Patch-NetVLAD-s", 512, (936, 512), 9.29, 0.08, 952.85, 37.60, 1917.29, _TABLE),
    Cost("Patch-NetVLAD-p", 4096, (2826, 4096), 9.36, 0.19, 8377.17, 908.30, 46315.85, _TABLE),
    Cost("TransVPR", 256, (1200, 256), 6.20, 0.07, 1757.70, 22.72, 1158.53, _TABLE),
    Cost("R2Former", 256, (500, 131), 8.81, 0.07, 202.37, 4.79, 244.01, _TABLE),
)
