# SPDX-License-Identifier: Apache-2.0
"""Recall@1, 5 and 10 in percent, as the papers print them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

TRANSVPR = "Wang et al., TransVPR, CVPR 2022, supplement"
R2FORMER = "Zhu et al., R2Former, CVPR 2023, supplement"
R2FORMER_POSTER = "Zhu et al., R2Former, CVPR 2023, poster"
APPSVR = "Peng et al., APPSVR, ICCV 2021, supplement"

# Data set; source; note. Below it lines of a method and its percentages. The poster names no rows:
# its major data sets have the methods of the paper's table 1, in its order. SUP-VPR's split is its
# own (70 percent of the images to train, 30 to test), and its tables disagree with each other: not
# comparable with anything, and here for completeness.
_TABLES = f"""
msls val; {R2FORMER_POSTER}, performance on major datasets
    NetVLAD        60.8 74.3 79.5
    SFRS           69.2 80.3 83.1
    SP-SuperGlue   78.1 81.9 84.3
    Patch-NetVLAD  79.5 86.2 87.7
    TransVPR       86.8 91.2 92.4
    R2Former       89.7 95.0 96.2
msls test; {R2FORMER_POSTER}, performance on major datasets; the challenge's server judges
    NetVLAD        35.1 47.4 51.7
    SFRS           41.5 52.0 56.3
    SP-SuperGlue   50.6 56.9 58.3
    Patch-NetVLAD  48.1 57.6 60.5
    TransVPR       63.9 74.0 77.5
    R2Former       73.0 85.9 88.8
pitts30k test; {R2FORMER_POSTER}, performance on major datasets
    NetVLAD        81.9 91.2 93.7
    SFRS           89.4 94.7 95.9
    SP-SuperGlue   87.2 94.8 96.4
    Patch-NetVLAD  88.7 94.5 95.9
    TransVPR       89.0 94.9 96.2
    R2Former       91.1 95.2 96.3
tokyo247; {R2FORMER_POSTER}, performance on major datasets
    NetVLAD        64.8 78.4 81.6
    SFRS           85.4 91.1 93.3
    SP-SuperGlue   88.2 90.2 90.2
    Patch-NetVLAD  86.0 88.6 90.5
    TransVPR       79.0 82.2 85.1
    R2Former       88.6 91.4 91.7
msls test; {R2FORMER}, table 6
    MixVPR  64.0 75.9 80.6
nordland; {R2FORMER}, table 4; the images of Patch-NetVLAD's list
    Patch-NetVLAD  44.9 50.2 52.2
    R2Former       60.6 66.8 68.7
msls val; {R2FORMER}, table 5
    R2Former, fine-tuned on Pitts30k  88.4 94.5 95.4
pitts30k test; {R2FORMER}, table 1; trained on Pitts30k
    ResNet101 + GeM         83.2 92.5 94.8
    R2Former, no reranking  77.7 90.5 93.5
    R2Former                85.8 93.2 95.3
pitts30k test; {R2FORMER}, table 1; trained on MSLS
    ResNet101 + GeM         77.0 89.2 92.5
    R2Former, no reranking  73.1 88.7 92.5
    R2Former                88.4 94.2 95.7
msls val; {R2FORMER}, table 2
    R2Former + RANSAC, 20 candidates   85.1 93.2 94.7
    R2Former + RANSAC, 50 candidates   85.0 92.8 94.2
    R2Former + RANSAC, 100 candidates  84.9 93.0 94.5
    R2Former + RANSAC, 200 candidates  84.2 92.3 93.6
    R2Former, 20 candidates            88.9 93.4 94.9
    R2Former, 50 candidates            89.1 94.2 95.1
    R2Former, 100 candidates           89.7 95.0 96.2
    R2Former, 200 candidates           89.5 95.1 95.8
msls val; {R2FORMER_POSTER}, comparison with other reranking methods
    R2Former, no reranking  79.3 90.8 92.6
    R2Former + RRT          81.2 91.9 93.1
    R2Former + CVNet        73.4 86.8 91.4
msls val; {R2FORMER_POSTER}, transformer token vs CNN local feature
    R2Former, ResNet50, no reranking  79.6 90.9 92.6
    R2Former, ViT-B, no reranking     84.9 92.7 94.5
    R2Former, ResNet50 + RANSAC       84.3 91.4 93.0
    R2Former, ViT-B + RANSAC          87.0 93.0 94.6
    R2Former, ResNet50                88.4 93.6 95.3
    R2Former, ViT-B                   90.0 95.1 96.9
pitts30k test; {TRANSVPR}, table 2
    TransVPR, no mask      86.5 94.4 95.8
    TransVPR, mask L       87.9 94.2 96.0
    TransVPR, mask M       87.2 93.8 95.3
    TransVPR, mask H       84.4 92.6 94.9
    TransVPR, masks L, M   88.4 94.4 96.0
    TransVPR, fused masks  88.5 94.5 96.0
pitts250k test; {APPSVR}, table 2
    NetVLAD, as published       86.0 93.2 95.1
    NetVLAD, implemented again  86.5 93.8 95.5
    CRN, as published           85.5 93.5 95.5
    CRN, implemented again      87.2 94.2 95.9
san-francisco; {APPSVR}, table 3; descriptors of full size
    NetVLAD    68.7 75.6 78.6
    GhostVLAD  67.6 76.7 79.2
    CRN        69.1 78.6 81.0
    SRALNet    70.4 78.8 81.8
    APPSVR     72.7 80.2 83.0
san-francisco; {APPSVR}, table 3; descriptors of 4096 numbers
    NetVLAD    79.2 85.1 86.8
    GhostVLAD  80.3 86.6 87.5
    CRN        81.8 86.9 89.0
    SRALNet    79.0 85.6 87.9
    APPSVR     82.3 87.1 89.1
msls val; SUP-VPR, table 5; a split of its own
    SUP-VPR  65.2 88.7
"""


@dataclass(frozen=True)
class Recall:
    """Recall@N of one method on one data set."""

    method: str
    data_set: str  # name of the protocol, as in ``protocols.PROTOCOLS``; with its split
    recall: Mapping[int, float]  # N -> from 0 to 1
    source: str  # paper and table
    note: str = ""  # what has to be known to compare with it


def published_recalls(data_set: str) -> tuple[Recall, ...]:
    """What papers say of a data set, best recall@1 first.

    Args:
        data_set: name of the protocol, with its split where it has some: ``msls val``,
            ``pitts30k test``, ``nordland``, or the name of a ``RetrievalSet`` (``msls-val``).
    """
    meant = _key(data_set)
    found = [each for each in RECALLS if _key(each.data_set) == meant]
    return tuple(sorted(found, key=lambda each: -each.recall[1]))


def _key(name: str) -> str:
    """``pitts30k_test``, ``msls-val`` and ``nordland-27592`` as figures name them."""
    return name.replace("_", " ").replace("-", " ").removesuffix(" 27592")


def _figures() -> Iterator[Recall]:
    """What the tables say, in their order."""
    data_set, notes = "", [""]
    for line in _TABLES.strip().splitlines():
        if not line.startswith(" "):
            data_set, *notes = line.split("; ")
            continue
        method, numbers = re.split("  +", line.strip())
        shares = [round(float(number) / 100.0, 4) for number in numbers.split()]
        recall = dict(zip((1, 5, 10)[: len(shares)], shares, strict=True))
        yield Recall(method, data_set, recall, *notes)


RECALLS = tuple(_figures())
