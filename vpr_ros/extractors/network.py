# SPDX-License-Identifier: Apache-2.0
"""Describes an image by a network."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from PIL import Image

from vpr_ros.backends.base import GLOBAL_DESCRIPTOR, IMAGE, LOCAL_FEATURES, Arrays, Backend
from vpr_ros.datatypes import Features, FloatArray, ImageArray, LocalFeatures, ModelSpec
from vpr_ros.errors import BackendError
from vpr_ros.images import check_image

MIN_SCORE = "min_score"  # setting of a ModelSpec: local features up to this score are dropped
ANTIALIAS = "antialias"
KEEP_ALL = "keep_all"  # local features of any score are kept


class NetworkExtractor:
    """Describes images by a network; see ``backends.base`` for what goes in and comes out."""

    def __init__(
        self,
        backend: Backend,
        keep_all: bool = False,
        antialias: bool = False,
        min_score: float | None = None,
    ) -> None:
        """Run the network once, so that the first image does not wait for it to warm up.

        Args:
            backend: the network.
            keep_all: keep local features of any score, for a reranker that applies the threshold
                itself as the published code of TransVPR does.
            antialias: see ``prepared``; a network whose spec says so gets such images always.
            min_score: local features of no higher score are dropped; None: as the spec says.

        Raises:
            BackendError: the network does not give what its spec says.
        """
        self._backend = backend
        settings = dict(backend.spec.settings)
        self._antialias = antialias = antialias or bool(settings.get(ANTIALIAS))
        if antialias:
            settings[ANTIALIAS] = 1.0
        if min_score is not None:
            settings[MIN_SCORE] = min_score
        if keep_all:
            settings[KEEP_ALL] = 1.0
        self._min_score = None if keep_all else settings.get(MIN_SCORE)
        self.spec = replace(backend.spec, settings=settings)
        self.description = backend.description
        self._check_outputs()

    def extract(self, image: ImageArray) -> Features:
        """Describe one RGB image, uint8 [H, W, 3].

        Raises:
            ImageError: the array is not such an image.
            BackendError: the device failed, or the network gave NaN.
        """
        check_image(image)
        outputs = self._backend.run({IMAGE: prepared(image, self.spec, self._antialias)})
        descriptor = outputs[GLOBAL_DESCRIPTOR][0]
        if not np.isfinite(descriptor).all():
            raise BackendError(
                f"{self.spec.method} gave NaN in {self.spec.precision}: use precision fp32"
            )
        if not self.spec.local_dim:
            return Features(_unit(descriptor))
        return Features(_unit(descriptor), self._local(outputs[LOCAL_FEATURES][0], image))

    def _local(self, rows: FloatArray, image: ImageArray) -> LocalFeatures:
        """Local features [K, 3 + C] in pixels of the source image.

        Positions count from the image's edge, not from the center of its first pixel, so that
        scaling the image scales them without an offset.
        """
        if self._min_score is not None:
            # Said so that NaN stays, as in TransVPR's published code: see ``fuse_masks``.
            rows = rows[~(rows[:, 2] <= np.float32(self._min_score))]
        height, width = image.shape[:2]
        side = max(self.spec.input_width, self.spec.input_height)
        scale = [side * width / self.spec.input_width, side * height / self.spec.input_height]
        # Copies: a view of a few rows would keep all of them in memory.
        points = rows[:, :2] * np.asarray(scale, np.float32)
        return LocalFeatures(points, rows[:, 2].copy(), rows[:, 3:].copy(), (width, height))

    def _check_outputs(self) -> None:
        gray = np.zeros((1, 3, self.spec.input_height, self.spec.input_width), np.float32)
        outputs: Arrays = self._backend.run({IMAGE: gray})
        sizes = {GLOBAL_DESCRIPTOR: self.spec.global_dim}
        if self.spec.local_dim:
            sizes[LOCAL_FEATURES] = 3 + self.spec.local_dim
        for name, size in sizes.items():
            found = outputs[name].shape[-1] if name in outputs else 0
            if found != size:
                raise BackendError(
                    f"{self.spec.method}: {name} has {found} values where its spec says {size}"
                )


def prepared(image: ImageArray, spec: ModelSpec, antialias: bool = False) -> FloatArray:
    """The network's input, float32 [1, 3, H, W]: resize to its size, then normalize.

    The published methods resize tensors with torch's bilinear interpolation of 2022, which takes
    no average over the pixels it skips, and ignore the aspect ratio; OpenCV's bilinear
    interpolation of float images computes the same. R2Former normalizes first: both steps are
    linear, so their order does not matter.

    Args:
        image: RGB, uint8 [H, W, 3] of any size.
        spec: of the network.
        antialias: resize as the images that R2Former was trained with, by Pillow, which averages
            pixels when an image is made smaller. Published weights were evaluated without.
    """
    values = _resized(image, (spec.input_width, spec.input_height), antialias)
    mean, std = (np.asarray(each, np.float32) for each in (spec.mean, spec.std))
    values = (values - mean) / std
    return np.ascontiguousarray(values.transpose(2, 0, 1)[None])


def _resized(image: ImageArray, size: tuple[int, int], antialias: bool) -> FloatArray:
    """Values from 0 to 1, float32 [H, W, 3], of another width and height."""
    if antialias:
        way = Image.BILINEAR  # type: ignore[attr-defined]  # Resampling came with Pillow 9.1
        image = np.asarray(Image.fromarray(image).resize(size, way))
    values = image.astype(np.float32) / np.float32(255.0)
    if values.shape[1::-1] != size:
        values = np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_LINEAR))
    return values


def _unit(descriptor: FloatArray) -> FloatArray:
    """Unit norm again: half precision leaves an error of 1e-3."""
    norm = max(float(np.linalg.norm(descriptor)), 1e-12)
    return np.asarray(descriptor / np.float32(norm), dtype=np.float32)
