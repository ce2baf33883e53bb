# SPDX-License-Identifier: Apache-2.0
"""Configuration in, working objects out: the only place where the stations are put together."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from vpr_ros.config import PipelineConfig
from vpr_ros.errors import ConfigError
from vpr_ros.extractor import FeatureExtractor
from vpr_ros.hog_sift import HogSiftExtractor
from vpr_ros.map_builder import MapBuilder
from vpr_ros.place_map import PlaceMap
from vpr_ros.recognizer import PlaceRecognizer
from vpr_ros.rerankers.base import Reranker
from vpr_ros.rerankers.homography import HomographyReranker


@dataclass(frozen=True)
class Pipeline:
    """One extractor and one reranker, ready for any number of maps."""

    config: PipelineConfig
    extractor: FeatureExtractor
    reranker: Reranker

    def open_map(self, path: Path) -> PlaceMap:
        """A map to search.

        Raises:
            MapError: the file cannot be read, or another model made it.
        """
        return PlaceMap.open(path, self.extractor.spec)

    def continue_map(self, path: Path) -> PlaceMap:
        """A map to append to, made if it does not exist yet.

        Raises:
            MapError: the file cannot be written, or another model made it.
        """
        return PlaceMap.open_or_create(path, self.extractor.spec, codec=self.config.codec)

    def recognizer(self, place_map: PlaceMap) -> PlaceRecognizer:
        """What answers images from a map."""
        return PlaceRecognizer(self.extractor, place_map, self.reranker, self.config.decision)

    def map_builder(self, place_map: PlaceMap, session: str = "") -> MapBuilder:
        """What appends a drive to a map, as a session of the given name or a numbered one."""
        place_map.begin_session(session)
        return MapBuilder(self.extractor, place_map, self.config.keyframes)


def build(config: PipelineConfig) -> Pipeline:
    """Load what the configuration names.

    Raises:
        ConfigError: the method is unknown.
        BackendError: a library that the method needs is missing.
    """
    if config.method == "hog_sift":
        return Pipeline(
            config, HogSiftExtractor(config.hog_sift), HomographyReranker(config.homography)
        )
    raise ConfigError(f"method {config.method!r} is unknown; known: hog_sift")
