# SPDX-License-Identifier: Apache-2.0
"""RobotCar Seasons v2, test: percent localized within 0.25 m/2 deg, 0.5 m/5 deg, 5 m/10 deg."""

from __future__ import annotations

from vpr_ros.evaluation.published.figures import TRANSVPR, Localized

_CONDITIONS = (
    "dawn",
    "dusk",
    "overcast-summer",
    "overcast-winter",
    "rain",
    "snow",
    "sun",
    "night",
    "night-rain",
)

# One line for each method, one triple for each condition. DELG's line repeats 2.4/67.8 in two
# neighboring conditions, as the paper prints it.
_TABLE = """
NetVLAD 11.5/30.0/78.0 4.6/24.4/92.4 7.1/28.4/87.7 1.2/22.0/97.6 11.7/42.9/100.0 \
11.6/32.1/95.3 4.9/15.2/72.8 0.4/0.9/2.7 1.0/2.0/12.8
SFRS 12.3/33.5/89.0 6.6/32.0/98.5 10.0/37.0/92.9 2.4/26.2/97.6 12.7/43.4/99.5 \
14.0/38.6/96.3 9.4/24.6/87.9 0.9/3.1/31.4 2.0/8.4/36.9
SP-SuperGlue 15.0/45.8/97.4 9.1/39.1/99.0 9.5/45.0/96.7 3.0/31.7/100.0 15.1/52.7/100.0 \
14.0/46.5/97.7 12.1/33.5/94.2 3.1/8.8/32.7 3.0/15.8/56.7
DELG 4.0/10.6/97.8 0.0/1.5/57.4 1.4/3.8/72.5 0.0/2.4/67.8 0.0/2.4/67.8 \
1.4/3.7/89.8 2.2/10.3/94.6 4.4/13.7/52.2 5.9/24.6/70.9
Patch-NetVLAD-s 4.8/10.1/43.6 2.5/8.1/39.6 3.8/10.9/35.5 0.0/6.1/37.8 5.9/21.0/43.9 \
3.7/12.1/40.0 2.7/12.1/46.0 0.0/0.0/9.3 0.0/0.0/9.9
Patch-NetVLAD-p 5.3/12.8/44.1 3.0/9.6/39.1 4.7/10.4/32.7 0.0/6.7/37.2 4.9/19.0/43.9 \
4.7/13.5/39.5 3.6/12.9/46.0 0.4/3.1/16.8 1.0/1.5/10.3
TransVPR 18.5/52.0/95.6 10.7/44.7/100.0 12.3/45.5/99.1 1.2/36.6/99.4 15.1/50.7/99.5 \
14.0/42.8/99.1 13.4/34.4/91.1 0.9/4.9/30.5 0.0/1.0/10.3
"""

# All conditions together, for the masks that choose TransVPR's local features.
_MASKS = """
TransVPR,_no_mask 9.9/35.0/79.4
TransVPR,_mask_L 9.3/34.2/80.1
TransVPR,_mask_M 9.3/33.2/79.3
TransVPR,_mask_H 8.9/29.9/77.2
TransVPR,_masks_L,_M 9.6/32.7/80.0
TransVPR,_fused_masks 10.1/35.0/79.6
"""


def _rows(table: str, conditions: tuple[str, ...], source: str) -> tuple[Localized, ...]:
    found = []
    for line in table.strip().splitlines():
        method, *triples = line.split()
        for condition, triple in zip(conditions, triples, strict=True):
            first, second, third = (round(float(text) / 100.0, 4) for text in triple.split("/"))
            shares = (first, second, third)
            found.append(Localized(method.replace("_", " "), condition, shares, source))
    return tuple(found)


LOCALIZED = (
    *_rows(_TABLE, _CONDITIONS, f"{TRANSVPR}, table 1"),
    *_rows(_MASKS, ("all",), f"{TRANSVPR}, table 2"),
)
