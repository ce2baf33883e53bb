# SPDX-License-Identifier: Apache-2.0
"""What tells one list of features from another: the images, the model, and how it is run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np

from vpr_ros.errors import ImageError
from vpr_ros.evaluation.retrieval_set import ImageSource
from vpr_ros.extractors.base import FeatureExtractor

FORMAT = 2  # counts up whenever the files of a feature store mean something else
_SAMPLES = 8  # images that are looked at where no file tells whether they changed


def identity_of(source: ImageSource, extractor: FeatureExtractor, codec: str) -> str:
    """A short name that changes with all that features, and the time they took, depend on."""
    about = {
        "format": FORMAT,
        "model": asdict(extractor.spec),
        "runs_on": extractor.description,
        "codec": codec,
        "images": list(_versions(source)),
    }
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:16]


def _versions(source: ImageSource) -> Iterator[str]:
    """What changes with the name, size or time of change of any image."""
    path = getattr(source, "path", None)
    if isinstance(path, Path):  # one file that holds all of them
        yield from (_state(path), *source.names)
    elif path is None:  # no files: names alone would take two drives for one
        yield from (*_samples(source), *source.names)
    else:
        for index, name in enumerate(source.names):
            yield f"{name} {_state(path(index))}"


def _samples(source: ImageSource) -> Iterator[str]:
    """What some of the images show."""
    for index in np.unique(np.linspace(0, len(source.names) - 1, _SAMPLES).astype(int)):
        try:
            yield hashlib.sha256(source.read(int(index)).tobytes()).hexdigest()
        except ImageError as error:
            yield str(error)


def _state(path: Path) -> str:
    try:
        state = path.stat()
    except OSError:  # a missing image is reported when it is its turn
        return "missing"
    return f"{state.st_size} {state.st_mtime_ns}"
