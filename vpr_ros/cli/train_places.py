# SPDX-License-Identifier: Apache-2.0
"""Images with known places to train with, each source said in one argument."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from vpr_ros.errors import ConfigError
from vpr_ros.evaluation.protocols import read_set
from vpr_ros.evaluation.protocols.bag_set import BagOptions, read_bag_set
from vpr_ros.evaluation.retrieval_set import RetrievalSet

BAG_OPTIONS = ("query", "image_topic", "truth", "query_truth", "interval")
_BAG = "bag"


def read_places(text: str | None) -> RetrievalSet | None:
    """The images that ``SOURCE OPTION=VALUE ...`` names; none is read yet.

    Args:
        text: ``PROTOCOL=FOLDER`` or ``bag=FILE``, then options; None for nothing.

    Raises:
        ConfigError: it is said another way.
        DatasetError: the images are not there, or not as the protocol has them.
    """
    if text is None:
        return None
    try:
        pairs = [word.partition("=") for word in shlex.split(text)]
    except ValueError as error:
        raise ConfigError(f"{text}: {error}") from error
    if not pairs or not all(equals and value for _, equals, value in pairs):
        raise ConfigError(f"{text!r}: write PROTOCOL=FOLDER or bag=FILE, then OPTION=VALUE")
    (source, _, path), options = pairs[0], {name: value for name, _, value in pairs[1:]}
    if source != _BAG:
        return read_set(source, Path(path), **options)
    unknown = sorted(set(options) - set(BAG_OPTIONS))
    if unknown:
        raise ConfigError(f"{text}: no option {unknown[0]}; known: {', '.join(BAG_OPTIONS)}")
    return _of_bags(Path(path), options)


def _of_bags(path: Path, options: Mapping[str, str]) -> RetrievalSet:
    settings = BagOptions(
        options.get("image_topic", ""),
        options.get("truth", ""),
        options.get("query_truth", ""),
        min_interval=_seconds(options.get("interval", "0")),
    )
    if "query" in options:
        return read_bag_set(path, Path(options["query"]), settings)
    # One drive: every image is looked for among all others, not only where it comes back.
    drive = read_bag_set(path, path, settings)
    return replace(drive, queries=drive.database, query_poses=drive.database_poses)


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ConfigError(f"interval={text}: write seconds") from None
