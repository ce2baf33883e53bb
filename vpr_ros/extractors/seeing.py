# SPDX-License-Identifier: Apache-2.0
"""Describes what an image shows of the place: not what a mask covers, and no empty ones."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from vpr_ros.datatypes import Features, ImageArray
from vpr_ros.errors import ConfigError, ImageError, NothingShownError
from vpr_ros.extractors.base import FeatureExtractor
from vpr_ros.image_content import missing_content
from vpr_ros.images import check_image, read_image

Covered = NDArray[np.bool_]  # [H, W]

_SIDE = 512  # pixels of a mask that is drawn from corners: fine enough for any image


class SeeingExtractor:
    """An extractor that refuses images which show nothing, and looks past a mask."""

    def __init__(self, extractor: FeatureExtractor, mask: str = "") -> None:
        """Take what describes, and what of its images does not count.

        Args:
            extractor: what describes.
            mask: see ``read_mask``; empty: everything counts.

        Raises:
            ConfigError: the mask cannot be used.
        """
        self._extractor = extractor
        self._mask = read_mask(mask) if mask else None
        self.spec, self.description = extractor.spec, extractor.description

    def extract(self, image: ImageArray) -> Features:
        """Describe one RGB image, uint8 [H, W, 3].

        Raises:
            NothingShownError: there is nothing to describe.
            ImageError: the array is not such an image.
            BackendError: the device failed.
        """
        check_image(image)
        seen = image if self._mask is None else _filled(image, _scaled(self._mask, image))
        if missing := missing_content(seen):
            raise NothingShownError(f"the image shows nothing: {missing}")
        features = self._extractor.extract(seen)
        return features if self._mask is None else features.outside(self._mask)


def read_mask(mask: str) -> Covered:
    """What of an image does not count, true where it is covered, [H, W] of whatever size.

    Args:
        mask: an image file, black where images do not count; or the corners of the area that does
            not, as fractions of width and height: ``0,0.7 1,0.7 1,1 0,1``. Several areas are
            separated by semicolons.

    Raises:
        ConfigError: it is neither, or leaves nothing.
    """
    path = Path(mask).expanduser()
    covered = _drawn(mask) if not path.suffix or not path.exists() else _read(path)
    if covered.all():
        raise ConfigError(f"image_mask = {mask!r}: it covers the whole image")
    return covered


def _read(path: Path) -> Covered:
    try:
        covered: Covered = read_image(path).max(axis=2) < 128
    except ImageError as error:
        raise ConfigError(f"image_mask: {error}") from error
    return covered


def _drawn(mask: str) -> Covered:
    covered = np.zeros((_SIDE, _SIDE), np.uint8)
    try:
        for area in mask.split(";"):
            corners = [[float(part) for part in pair.split(",")] for pair in area.split()]
            points = np.array(corners, float).reshape(-1, 2)
            if len(points) < 3 or not ((points >= 0.0) & (points <= 1.0)).all():
                raise ValueError
            cv2.fillPoly(covered, [np.rint(points * _SIDE).astype(np.int32)], 1)
    except ValueError as error:
        raise ConfigError(
            f"image_mask = {mask!r}: neither a file nor at least three corners x,y between 0 and 1"
        ) from error
    return covered.astype(bool)


def _scaled(mask: Covered, image: ImageArray) -> Covered:
    size = (image.shape[1], image.shape[0])
    return np.asarray(
        cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST), bool
    )


def _filled(image: ImageArray, covered: Covered) -> ImageArray:
    """The image with the mean color of what counts where it does not: that draws no attention."""
    filled = image.copy()
    filled[covered] = image[~covered].mean(axis=0)
    return filled
