# SPDX-License-Identifier: Apache-2.0
"""Configuration in, working objects out: the only place where the stations are put together."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vpr_ros.backends import Backend, BackendOptions, open_backend
from vpr_ros.config import CalibrationConfig, NetworkConfig, PipelineConfig
from vpr_ros.errors import ConfigError, WeightsError
from vpr_ros.extractor import FeatureExtractor, NetworkExtractor
from vpr_ros.hog_sift import HogSiftExtractor
from vpr_ros.map_builder import MapBuilder
from vpr_ros.models import network_of
from vpr_ros.place_map import PlaceMap
from vpr_ros.recognizer import PlaceRecognizer
from vpr_ros.rerankers.base import Reranker
from vpr_ros.rerankers.homography import HomographyReranker, PatchGrid
from vpr_ros.rerankers.r2former import R2FormerReranker

_PATCH = 16  # pixels between the patches of TransVPR


@dataclass(frozen=True)
class Pipeline:
    """One extractor and one reranker, ready for any number of maps."""

    config: PipelineConfig
    extractor: FeatureExtractor
    reranker: Reranker
    calibration: CalibrationConfig

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
        return PlaceRecognizer(
            self.extractor, place_map, self.reranker, self.config.decision, self.calibration
        )

    def map_builder(self, place_map: PlaceMap, session: str = "") -> MapBuilder:
        """What appends a drive to a map, as a session of the given name or a numbered one."""
        place_map.begin_session(session)
        return MapBuilder(self.extractor, place_map, self.config.keyframes)


def build(config: PipelineConfig) -> Pipeline:
    """Load what the configuration names.

    Raises:
        ConfigError: settings do not go together.
        BackendError: a library or device that the method needs is missing.
        WeightsError: the network's weights are missing, or do not fit it.
    """
    if config.method == "hog_sift":
        return _hog_sift(config)
    return _transvpr(config) if config.method.startswith("transvpr") else _r2former(config)


def _hog_sift(config: PipelineConfig) -> Pipeline:
    extractor = HogSiftExtractor(config.hog_sift)
    reranker = HomographyReranker(config.homography)
    return Pipeline(config, extractor, reranker, config.hog_sift.calibration)


def _transvpr(config: PipelineConfig) -> Pipeline:
    backend = _backend(config, config.method, config.transvpr)
    keep_all = config.homography.rule == "reference"
    extractor = NetworkExtractor(backend, keep_all, config.network.antialias)
    spec = backend.spec
    grid = PatchGrid(spec.input_width, spec.input_height, _PATCH, config.transvpr.min_score)
    reranker = HomographyReranker(config.homography, grid)
    return Pipeline(config, extractor, reranker, config.transvpr.calibration)


def _r2former(config: PipelineConfig) -> Pipeline:
    extractor = _backend(config, config.method, config.r2former)
    input_size = (extractor.spec.input_width, extractor.spec.input_height)
    if config.network.device == "cpu":
        backend = _backend(config, "r2former_reranker", None, threads=1)
        reranker = R2FormerReranker(backend, input_size, batch=4, threads=_cores(config.network))
    else:
        reranker = R2FormerReranker(_backend(config, "r2former_reranker", None), input_size)
    return Pipeline(
        config,
        NetworkExtractor(extractor, antialias=config.network.antialias),
        reranker,
        config.r2former.calibration,
    )


def _backend(config: PipelineConfig, name: str, section: Any, threads: int = 0) -> Backend:
    """One network of the weights' file, with those settings of a section that it knows."""
    network = config.network
    if not network.weights:
        raise WeightsError(
            f"method {config.method} needs network.weights: a file that 'vpr weights list' names"
        )
    if bool(network.width) != bool(network.height):
        raise ConfigError("network.width and network.height: give both, or none")
    options = BackendOptions(
        device=network.device,
        precision=network.precision,
        threads=threads or _cores(network),
        input_size=(network.width, network.height) if network.width else None,
        settings={key: float(getattr(section, key)) for key in network_of(name).spec.settings},
    )
    return open_backend(Path(network.weights).expanduser(), name, options)


def _cores(network: NetworkConfig) -> int:
    """Threads to use: as many as this process may run at the same time, unless told."""
    return network.threads or len(os.sched_getaffinity(0))
