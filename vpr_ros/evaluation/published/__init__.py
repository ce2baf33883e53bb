# SPDX-License-Identifier: Apache-2.0
"""The papers' own figures, to be read beside one's own."""

from __future__ import annotations

from vpr_ros.evaluation.published.costs import COSTS
from vpr_ros.evaluation.published.figures import Cost, Localized, Recall
from vpr_ros.evaluation.published.recalls import RECALLS
from vpr_ros.evaluation.published.robotcar import LOCALIZED

__all__ = ["COSTS", "LOCALIZED", "RECALLS", "Cost", "Localized", "Recall", "published_recalls"]


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
