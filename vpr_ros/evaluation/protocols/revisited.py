# SPDX-License-Identifier: Apache-2.0
"""Revisited Oxford and Paris (Radenovic et al., CVPR 2018): 70 queries, mAP at three levels.

As the authors' code (github.com/filipradenovic/revisitop) sets them up:

- easy: images labeled easy are right, hard ones are ignored;
- medium: both are right;
- hard: hard ones are right, easy ones are ignored.

Images labeled junk are always ignored; queries without right images are left out of the mean.
Queries are cropped to the box that their ground truth gives.
"""

from __future__ import annotations

import codecs
import pickle
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from vpr_ros.datatypes import ImageArray
from vpr_ros.drives.image_files import ImageFiles
from vpr_ros.errors import DatasetError, ImageError
from vpr_ros.evaluation.protocols.base import Protocol
from vpr_ros.evaluation.retrieval_set import Indices, Relevance, RetrievalSet

LEVELS = ("easy", "medium", "hard")  # "medium" is the one that papers quote alone
_LABELS = ("easy", "hard", "junk")
_RIGHT = {"easy": ("easy",), "medium": ("easy", "hard"), "hard": ("hard",)}

Box = tuple[int, int, int, int]  # left, top, right, bottom, pixels; the last two are outside


class CroppedImages:
    """Images of which only a box is shown."""

    def __init__(self, images: ImageFiles, boxes: Sequence[Box]) -> None:
        """Take the images and one box for each."""
        self._images, self._boxes = images, boxes
        self.names = images.names

    def read(self, index: int) -> ImageArray:
        """The box of one image, RGB, uint8 [H, W, 3].

        Raises:
            ImageError: the image is missing or damaged, or the box lies outside of it.
        """
        left, top, right, bottom = self._boxes[index]
        crop = self._images.read(index)[max(0, top) : bottom, max(0, left) : right]
        if crop.size == 0:
            raise ImageError(f"{self._images.path(index)}: the query's box lies outside of it")
        return np.ascontiguousarray(crop)


def read(folder: Path, name: str) -> RetrievalSet:
    """The images in ``jpg`` and the ground truth ``gnd_NAME.pkl``."""
    path = folder / f"gnd_{name}.pkl"
    content = _read_pickle(path)
    if not isinstance(content, Mapping) or not {"gnd", "imlist", "qimlist"} <= set(content):
        raise DatasetError(f"{path}: not a ground truth with gnd, imlist and qimlist")
    database, queries = _names(content["imlist"]), _names(content["qimlist"])
    truths = list(content["gnd"])
    if len(truths) != len(queries):
        raise DatasetError(f"{path}: {len(truths)} entries of gnd for {len(queries)} queries")
    labels = [_labels(each, len(database), path) for each in truths]
    boxes = [_box(each, path) for each in truths]
    return RetrievalSet(
        name,
        ImageFiles(folder / "jpg", database),
        CroppedImages(ImageFiles(folder / "jpg", queries), boxes),
        {level: _relevance(labels, _RIGHT[level]) for level in LEVELS},
    )


ROXFORD5K = Protocol("Revisited Oxford: mAP, easy, medium, hard", partial(read, name="roxford5k"))
RPARIS6K = Protocol("Revisited Paris: mAP, easy, medium, hard", partial(read, name="rparis6k"))


def _read_pickle(path: Path) -> Any:
    """What a pickle holds, if that is built of Python's containers, numbers, texts and arrays."""
    try:
        with path.open("rb") as file:
            return _PlainUnpickler(file, encoding="latin1").load()
    except OSError as error:
        raise DatasetError(f"{path}: {error.strerror}") from error
    except Exception as error:  # damaged bytes make the unpickler trip over anything
        raise DatasetError(f"{path}: not a pickle of plain data: {error}") from error


# A pickle can name any function to be called while it is read: here it gets data alone.
# numpy before and since version 2 puts the same functions in two places.
_MULTIARRAY = ("numpy.core.multiarray", "numpy._core.multiarray")


def _rebuild(*arguments: Any) -> Any:
    return np.ndarray((0,), "b").__reduce__()[0](*arguments)  # type: ignore[operator]


def _encode(text: str, encoding: str) -> bytes:
    if encoding != "latin1":  # others unpack archives
        raise pickle.UnpicklingError(f"it wants to encode to {encoding}")
    return codecs.encode(text, encoding)


_ALLOWED: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    # Protocol 2, which Python 2 reads, too, keeps bytes in these ways.
    ("_codecs", "encode"): _encode,
    ("__builtin__", "bytes"): bytes,
    **{(module, "_reconstruct"): _rebuild for module in _MULTIARRAY},
    **{(module, "scalar"): np.float64(0.0).__reduce__()[0] for module in _MULTIARRAY},
}


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"it wants {module}.{name}, which is no data")
        return _ALLOWED[module, name]


def _names(listed: Any) -> list[str]:
    return [f"{name}.jpg" for name in listed]


def _labels(truth: Any, count: int, path: Path) -> dict[str, Indices]:
    found = {}
    for label in _LABELS:
        try:
            indices = np.unique(np.asarray(truth[label], float)).astype(np.int64)
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise DatasetError(f"{path}: an entry of gnd has no indices {label!r}") from error
        if len(indices) and not 0 <= indices[0] <= indices[-1] < count:
            raise DatasetError(f"{path}: {label!r} names image {indices[-1]} of {count}")
        found[label] = indices
    return found


def _box(truth: Any, path: Path) -> Box:
    try:
        left, top, right, bottom = (round(float(value)) for value in truth["bbx"])
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise DatasetError(f"{path}: an entry of gnd has no box bbx of four numbers") from error
    return left, top, right, bottom


def _relevance(labels: list[dict[str, Indices]], right: tuple[str, ...]) -> Relevance:
    rest = tuple(label for label in _LABELS if label not in right)
    positives, ignored = (
        tuple(np.unique(np.concatenate([each[name] for name in names])) for each in labels)
        for names in (right, rest)
    )
    return Relevance(positives, ignored)
