# SPDX-License-Identifier: Apache-2.0
"""A describer beside local features that are not its own."""

from __future__ import annotations

from dataclasses import replace

from vpr_ros.config import SiftConfig
from vpr_ros.config.methods import NONE, OWN, SIFT
from vpr_ros.datatypes import Features, ImageArray
from vpr_ros.errors import ConfigError
from vpr_ros.extractors.base import FeatureExtractor, LocalDetector
from vpr_ros.extractors.hog import HogDescriber
from vpr_ros.extractors.sift import SiftDetector


class CombinedExtractor:
    """Global descriptors of one kind, local features of another, or none."""

    def __init__(self, describer: FeatureExtractor, detector: LocalDetector | None) -> None:
        """Join both; None for global descriptors alone."""
        self._describer, self._detector = describer, detector
        self.description, spec = describer.description, describer.spec
        spec = replace(spec, local_dim=0, pitch=0, has_unit_local=False)
        if detector is not None:
            spec = replace(
                spec,
                method=f"{spec.method}_{detector.name}",
                local_dim=detector.dim,
                settings={**spec.settings, **detector.settings},
                has_unit_local=True,
            )
        self.spec = spec

    def extract(self, image: ImageArray) -> Features:
        """Describe one RGB image, uint8 [H, W, 3].

        Raises:
            ImageError: the array is not such an image.
            BackendError: the device failed.
        """
        features = self._describer.extract(image)
        local = None if self._detector is None else self._detector.detect(image)
        return replace(features, local=local)


def with_local(describer: FeatureExtractor, local: str, sift: SiftConfig) -> FeatureExtractor:
    """A describer with the local features of the configuration: OWN, SIFT or NONE.

    Raises:
        ConfigError: there are none of this name.
    """
    if local == OWN:
        return describer
    if local == NONE:
        return CombinedExtractor(describer, None)
    if local == SIFT:
        return CombinedExtractor(describer, SiftDetector(sift))
    raise ConfigError(f"local = {local!r}: choose {OWN}, {SIFT} or {NONE}")


def hog_sift(sift: SiftConfig | None = None) -> FeatureExtractor:
    """The method that needs no weights."""
    return with_local(HogDescriber(), SIFT, sift or SiftConfig())
