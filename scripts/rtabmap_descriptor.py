# SPDX-License-Identifier: Apache-2.0
"""The descriptors of vpr_ros in RTAB-Map's own loop closure detection: a script for PyDescriptor.

RTAB-Map's parameters (with a build that has Python support)::

    PyDescriptor/Path              <share of vpr_ros>/scripts/rtabmap_descriptor.py
    PyDescriptor/Dim               256 for r2former_tiny, r2former and transvpr
    Mem/GlobalDescriptorStrategy   1
    Kp/TfIdfLikelihoodUsed         false
    Mem/RehearsalSimilarity        1

What describes the images is set in the environment that RTAB-Map is started in, in the words of
``vpr --set`` separated by spaces; without it, r2former_tiny does::

    VPR_ROS_SETTINGS="method=r2former network.weights=/maps/r2former.pth network.device=cuda"

RTAB-Map imports this file, calls ``init`` once and ``extract`` for every node
(corelib/src/python/PyDescriptor.cpp).
"""

from __future__ import annotations

import os
import shlex
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from vpr_ros.extractors.base import FeatureExtractor

if not hasattr(sys, "argv"):  # RTAB-Map's Python has none, and libraries read it
    sys.argv = [""]


class _Hook:
    """What was made by ``init``, or why it could not be made."""

    def __init__(self) -> None:
        self._extractor: FeatureExtractor | None = None
        self._failure = "init was not called"
        self._dim = 0

    def init(self, dim: int) -> None:
        """Load the method that the environment names.

        Raises nothing: RTAB-Map would release the result that it did not get, and crash. It is
        ``extract`` that fails then, every time, and RTAB-Map goes on with its visual words.

        Args:
            dim: PyDescriptor/Dim, which must be the method's.
        """
        self._extractor, self._failure, self._dim = None, "", dim
        try:
            self._extractor = _extractor(dim)
        except Exception as error:
            self._failure = str(error)
            _complain(self._failure)

    def extract(self, image: NDArray[Any]) -> NDArray[np.float32]:
        """The global descriptor of one image: float32 [1, dim], unit norm.

        Args:
            image: [H, W, 3] BGR or [H, W, 1]. RTAB-Map hands over its bytes as signed, by mistake.

        Raises:
            RuntimeError: ``init`` failed.
        """
        if self._extractor is None:
            raise RuntimeError(f"vpr_ros: {self._failure}")
        from vpr_ros.images import from_opencv

        try:
            features = self._extractor.extract(from_opencv(image.view(np.uint8)))
        except Exception as error:
            # A node without a descriptor among nodes that have one fails an assertion and ends
            # RTAB-Map. Zeros are as like and as unlike to every image.
            _complain(f"an image could not be described: {error}")
            return np.zeros((1, self._dim), dtype=np.float32)
        return np.ascontiguousarray(features.global_descriptor[np.newaxis], dtype=np.float32)


def _extractor(dim: int) -> FeatureExtractor:
    from vpr_ros import pipeline
    from vpr_ros.cli.options import configured
    from vpr_ros.errors import ConfigError

    config = configured(shlex.split(os.environ.get("VPR_ROS_SETTINGS", "")))
    extractor = pipeline.build(config).extractor
    if extractor.spec.global_dim != dim:
        size = extractor.spec.global_dim
        raise ConfigError(f"PyDescriptor/Dim is {dim}: set it to {size} for {config.method}")
    return extractor


def _complain(what: str) -> None:
    sys.stderr.write(f"vpr_ros: {what}\n")


_hook = _Hook()
init = _hook.init
extract = _hook.extract
