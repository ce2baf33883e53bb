# SPDX-License-Identifier: Apache-2.0
"""Configuration in, working objects out: the only place where the stations are put together."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from vpr_ros.backends import Backend, BackendOptions, open_backend
from vpr_ros.backends.choice import choose
from vpr_ros.backends.exported import is_exported, reranker_path
from vpr_ros.backends.options import CPU, NO_HOOKS, Hooks, Stop
from vpr_ros.calibration import Calibrator
from vpr_ros.calibration_curve import CalibrationRecord
from vpr_ros.config import LOCALIZE, CalibrationConfig, NetworkConfig, PipelineConfig
from vpr_ros.errors import ConfigError, WeightsError
from vpr_ros.extractors.base import FeatureExtractor
from vpr_ros.extractors.hog_sift import HogSiftExtractor
from vpr_ros.extractors.network import MIN_SCORE, NetworkExtractor
from vpr_ros.models import network_of
from vpr_ros.models.shipped import shipped_file
from vpr_ros.place_map import Map, MapSet, MapStage, PlaceMap, maps_in
from vpr_ros.recognizer import PlaceRecognizer
from vpr_ros.rerankers.base import Reranker
from vpr_ros.rerankers.homography import HomographyReranker, PatchGrid
from vpr_ros.rerankers.r2former import R2FormerReranker
from vpr_ros.route.map_builder import MapBuilder
from vpr_ros.route.session import Maps, Session
from vpr_ros.sequence import open_tracker

# Pixels from one local feature to the next: of published networks, of DINOv2, of our own.
_PATCH, _DINO_PATCH, _TINY_PITCH = 16, 14, 8


@dataclass(frozen=True)
class Pipeline:
    """One extractor and one reranker, ready for any number of maps."""

    config: PipelineConfig
    extractor: FeatureExtractor
    reranker: Reranker
    prior: CalibrationConfig  # what scores are worth in maps too small to tell
    stop: Stop | None = None  # asked by what takes long

    @property
    def description(self) -> str:
        """The method, and the library, device and precision in use, for people."""
        return f"{self.config.method}, {self.extractor.description}"

    def open_map(self, path: Path) -> PlaceMap:
        """A map to search.

        Raises:
            MapError: the file cannot be read, or another model made it.
        """
        return PlaceMap.open(path, self.extractor.spec)

    def joined(self, main: PlaceMap, others: Sequence[PlaceMap]) -> Map:
        """Several maps as one; a map alone stays what it is.

        Raises:
            MapError: two are copies of one map, or the file that tells maps apart cannot be used.
        """
        if not others:
            return main
        path, space = self.config.map_stage, self.extractor.spec.space
        stage = MapStage.read(Path(path).expanduser(), space) if path else None
        return MapSet(main, others, stage)

    def continue_map(self, path: Path) -> PlaceMap:
        """A map to append to, made if it does not exist yet.

        Raises:
            MapError: the file cannot be written, or another model made it.
        """
        return PlaceMap.open_or_create(path, self.extractor.spec, codec=self.config.codec)

    def open_session(
        self,
        path: Path,
        mode: str = LOCALIZE,
        *,
        name: str = "",
        more_maps: Sequence[Path] = (),
        has_odometry: bool = True,
    ) -> Session:
        """Begin a drive through a map, and others that are searched besides.

        Maps that are not calibrated yet, and several at once, take some seconds to be.

        Args:
            path: the map; one that the drive adds to is made if it does not exist. To localize,
                it may be a folder of maps.
            mode: one of ``config.MODES``.
            name: of the drive in a map that grows; empty: a numbered one.
            more_maps: files of other maps, or folders of such.
            has_odometry: whether the poses of frames are those of odometry.

        Raises:
            MapError: one of the maps cannot be used.
            BackendError: the device that compares keyframes failed.
        """
        learns = mode != LOCALIZE
        path, *others = [path] if learns else maps_in(path)
        others += [file for folder in more_maps for file in maps_in(folder)]
        with ExitStack() as opened:
            # A map that is named twice, or is the one that may grow, counts once.
            files = {file.resolve(): file for file in (*others, path)}
            files.pop(path.resolve())
            more = [opened.enter_context(self.open_map(file)) for file in files.values()]
            place_map = self.continue_map(path) if learns else self.open_map(path)
            opened.callback(place_map.close)
            searched = self.joined(place_map, more)
            record = self.calibrator.of(searched)
            recognizer = self.recognizer(searched, record)
            builder = self.map_builder(place_map, name) if learns else None
            maps = Maps(place_map, searched, record, opened.pop_all().close)
        loops = self.config.loops
        return Session(mode, maps, self.extractor, recognizer, builder, loops, has_odometry)

    def reconfigured(self, config: PipelineConfig, session: Session) -> Pipeline:
        """The pipeline with other live settings, by which a session answers from now on.

        If those of decisions changed, what a sequence filter believed is forgotten.

        Raises:
            MapError: the map cannot be read.
            BackendError: the device that compares keyframes failed.
        """
        changed = replace(self, config=config)
        if config.decision != self.config.decision:
            maps = session.maps
            maps.calibration = changed.calibrator.of(maps.searched, earlier=maps.calibration)
            session.recognizer = changed.recognizer(maps.searched, maps.calibration)
        session.reconfigure(config.loops)
        return changed

    def recognizer(self, searched: Map, record: CalibrationRecord | None = None) -> PlaceRecognizer:
        """What answers described images from a map, or from several.

        Args:
            searched: the map.
            record: its calibration, if the calibrator was asked for it already.

        Raises:
            MapError: the map cannot be read.
            BackendError: the device that compares keyframes failed.
        """
        calibration = (record or self.calibrator.of(searched)).calibration
        tracker = open_tracker(searched, self.config, calibration)
        return PlaceRecognizer(searched, self.reranker, self.config.decision, calibration, tracker)

    def map_builder(self, place_map: PlaceMap, session: str = "") -> MapBuilder:
        """What appends a drive to a map, as a session of the given name or a numbered one."""
        place_map.begin_session(session)
        return MapBuilder(self.extractor, place_map, self.config.keyframes, self.calibrator)

    @property
    def calibrator(self) -> Calibrator:
        """What knows how much scores are worth in a map."""
        comparison = asdict(self.config.homography)
        del comparison["threads"]
        return Calibrator(self.reranker, self.config.decision, self.prior, comparison, self.stop)


def build(config: PipelineConfig, hooks: Hooks = NO_HOOKS) -> Pipeline:
    """Load what the configuration names.

    Args:
        config: the method and its settings.
        hooks: for what may take minutes: building a TensorRT engine.

    Raises:
        ConfigError: settings do not go together.
        BackendError: a library or device that the method needs is missing.
        WeightsError: the network's weights are missing, or do not fit it.
    """
    if config.method == "hog_sift":
        return replace(_hog_sift(config), stop=hooks.stop)
    networks = _Networks(config, hooks)
    make = next(make for start, make in _MAKERS.items() if config.method.startswith(start))
    return replace(make(config, networks), stop=hooks.stop)


def _hog_sift(config: PipelineConfig) -> Pipeline:
    extractor = HogSiftExtractor(config.hog_sift)
    reranker = HomographyReranker(config.homography)
    return Pipeline(config, extractor, reranker, config.hog_sift.calibration)


def _transvpr(config: PipelineConfig, networks: _Networks) -> Pipeline:
    backend = networks.extractor(config.transvpr)
    keep_all = config.homography.rule == "reference"
    extractor = NetworkExtractor(backend, keep_all, config.network.antialias)
    spec = backend.spec
    grid = PatchGrid(spec.input_width, spec.input_height, _PATCH, spec.settings[MIN_SCORE])
    reranker = HomographyReranker(config.homography, grid)
    return Pipeline(config, extractor, reranker, config.transvpr.calibration)


def _r2former(config: PipelineConfig, networks: _Networks) -> Pipeline:
    is_tiny = config.method == "r2former_tiny"
    section = config.r2former_tiny if is_tiny else config.r2former
    backend = networks.extractor(section)
    if section.reranker == "homography":
        pitch = _TINY_PITCH if is_tiny else _PATCH
        return _of_patches(config, backend, pitch, section.inliers, is_unit=False)
    input_size = (backend.spec.input_width, backend.spec.input_height)
    if backend.device == CPU:
        network = networks.reranker(input_size, threads=1)
        reranker = R2FormerReranker(network, input_size, batch=4, threads=networks.cores)
    else:
        reranker = R2FormerReranker(networks.reranker(input_size), input_size)
    extractor = NetworkExtractor(backend, antialias=config.network.antialias)
    return Pipeline(config, extractor, reranker, section.calibration)


def _appsvr(config: PipelineConfig, networks: _Networks) -> Pipeline:
    section = config.appsvr
    return _of_patches(config, networks.extractor(section), _PATCH, section.calibration)


def _sup_vpr(config: PipelineConfig, networks: _Networks) -> Pipeline:
    section = config.sup_vpr
    return _of_patches(config, networks.extractor(section), _DINO_PATCH, section.calibration)


def _of_patches(
    config: PipelineConfig,
    backend: Backend,
    pitch: int,
    prior: CalibrationConfig,
    is_unit: bool = True,
) -> Pipeline:
    """Patches matched under one homography: also for methods whose papers rerank nothing.

    Similarity alone would tell how much two images look alike, never whether they can show one
    place; and the verdict is calibrated on what the second look is worth.
    """
    if config.homography.rule == "reference":
        raise ConfigError(
            f"homography.rule = 'reference' is TransVPR's, not {config.method}'s: choose clean"
        )
    extractor = NetworkExtractor(backend, antialias=config.network.antialias)
    grid = PatchGrid(backend.spec.input_width, backend.spec.input_height, pitch, is_unit=is_unit)
    return Pipeline(config, extractor, HomographyReranker(config.homography, grid), prior)


_MAKERS = {  # by how the methods' names begin
    "appsvr": _appsvr,
    "r2former": _r2former,
    "sup_vpr": _sup_vpr,
    "transvpr": _transvpr,
}


class _Networks:
    """Opens the networks of one file, all by the same runtime."""

    def __init__(self, config: PipelineConfig, hooks: Hooks) -> None:
        network = config.network
        weights = Path(network.weights).expanduser() if network.weights else _own(config.method)
        if bool(network.width) != bool(network.height):
            raise ConfigError("network.width and network.height: give both, or none")
        # As many as this process may run at the same time, unless told.
        self.cores = network.threads or len(os.sched_getaffinity(0))
        self._config = config
        options = _options(network, self.cores, hooks)
        # Who did not name a file need not hear how the package's own is run.
        choice = choose(weights, options, logging.INFO if network.weights else logging.DEBUG)
        self._path = choice.path
        self._options = replace(options, runtime=choice.runtime)

    def extractor(self, section: Any) -> Backend:
        """The network that describes images, with what a section changes of its settings."""
        network, method = self._config.network, self._config.method
        size = (network.width, network.height) if network.width else None
        known = network_of(method).spec.settings
        values = {name: float(getattr(section, name)) for name in known if hasattr(section, name)}
        changed = {name: value for name, value in values.items() if value != known[name]}
        options = replace(self._options, input_size=size, settings=changed)
        return open_backend(self._path, method, options)

    def reranker(self, input_size: tuple[int, int], threads: int = 0) -> Backend:
        """The method's other network: in the same file, or exported to a file of its own."""
        path = reranker_path(self._path) if is_exported(self._path) else self._path
        threads = threads or self.cores
        options = replace(self._options, input_size=input_size, threads=threads)
        return open_backend(path, network_of(self._config.method).reranker, options)


def _own(method: str) -> Path:
    """The network that comes with the package."""
    path = shipped_file(method)
    if path is None:
        raise WeightsError(
            f"method {method} needs network.weights: a file that 'vpr weights list' names, or one "
            "that 'vpr export' made of it"
        )
    return path


def _options(network: NetworkConfig, threads: int, hooks: Hooks) -> BackendOptions:
    return BackendOptions(
        network.runtime,
        network.device,
        network.precision,
        threads,
        cuda_graph=network.cuda_graph,
        hooks=hooks,
    )
