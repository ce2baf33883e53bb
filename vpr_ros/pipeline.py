# SPDX-License-Identifier: Apache-2.0
"""Configuration in, working objects out: the only place where the stations are put together."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from vpr_ros.backends import Backend
from vpr_ros.backends.networks import Networks
from vpr_ros.backends.options import CPU, NO_HOOKS, Hooks, Stop
from vpr_ros.calibration import Calibrator, never
from vpr_ros.calibration_curve import CalibrationRecord
from vpr_ros.conditions import Conditions
from vpr_ros.config import LOCALIZE, MAP, METHODS, CalibrationConfig, Method, PipelineConfig
from vpr_ros.config.decision import REFERENCE
from vpr_ros.config.methods import FILE, HOMOGRAPHY, LEARNED, NONE, OWN, prior_of, without_local
from vpr_ros.datatypes import ModelSpec
from vpr_ros.errors import ConfigError
from vpr_ros.extractors import HAND_MADE
from vpr_ros.extractors.as_kept import AsKeptExtractor
from vpr_ros.extractors.base import FeatureExtractor
from vpr_ros.extractors.hand_made import with_local
from vpr_ros.extractors.network import MIN_SCORE, NetworkExtractor
from vpr_ros.extractors.points import DETECTORS, PointsOfFrames
from vpr_ros.extractors.seeing import SeeingExtractor, read_mask
from vpr_ros.place_map import Map, MapSet, MapStage, PlaceMap, maps_in
from vpr_ros.recognizer import PlaceRecognizer
from vpr_ros.rerankers.base import Reranker
from vpr_ros.rerankers.homography import HomographyReranker, PatchGrid
from vpr_ros.rerankers.r2former import R2FormerReranker
from vpr_ros.rerankers.similarity import SimilarityReranker
from vpr_ros.route.map_builder import MapBuilder
from vpr_ros.route.pose_finder import PoseFinder
from vpr_ros.route.session import Maps, Session
from vpr_ros.sequence import open_tracker

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Pipeline:
    """One extractor and one reranker, ready for any number of maps."""

    config: PipelineConfig
    parts: Method  # what describes, which local features are kept, and what compares
    extractor: FeatureExtractor
    reranker: Reranker
    points: PointsOfFrames | None = None  # for geometry; None: no pose is measured
    stop: Stop | None = None  # asked by what takes long

    @property
    def description(self) -> str:
        """The method, and the library, device and precision in use, for people."""
        exchanged = [getattr(self.parts, name) for name in ("describe", "local", "rerank")]
        published = METHODS[self.config.method] == self.parts
        name = self.config.method if published else " + ".join(exchanged)
        return f"{name}, {self.extractor.description}"

    @property
    def prior(self) -> CalibrationConfig:
        """What scores are worth in maps too small to tell."""
        return prior_of(self.parts, self.config.calibration)

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
            if words := record.out_of_reach(self.config.decision.target_precision):
                log.warning("%s: %s", path, words)
            conditions = Conditions(searched, record, warns=mode != MAP)
            recognizer = self.recognizer(searched, record, conditions)
            builder = self.map_builder(place_map, name) if learns else None
            maps = Maps(place_map, searched, record, conditions, opened.pop_all().close)
        loops, poses = self.config.loops, PoseFinder(searched, self.points, self.config.pose)
        return Session(mode, maps, self.extractor, recognizer, builder, loops, poses, has_odometry)

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
            maps.conditions.record = maps.calibration
            session.recognizer = changed.recognizer(
                maps.searched, maps.calibration, maps.conditions
            )
        session.reconfigure(config.loops)
        return changed

    def recognizer(
        self,
        searched: Map,
        record: CalibrationRecord | None = None,
        conditions: Conditions | None = None,
    ) -> PlaceRecognizer:
        """What answers described images from a map, or from several.

        Args:
            searched: the map.
            record: its calibration, if the calibrator was asked for it already.
            conditions: what follows the drive, if it is known already.

        Raises:
            MapError: the map cannot be read.
            BackendError: the device that compares keyframes failed.
        """
        record = record or self.calibrator.of(searched)
        conditions = conditions or Conditions(searched, record)
        decision, calibration = self.config.decision, record.calibration
        tracker = open_tracker(searched, self.config, calibration)
        return PlaceRecognizer(searched, self.reranker, decision, calibration, tracker, conditions)

    def map_builder(self, place_map: PlaceMap, session: str = "") -> MapBuilder:
        """What appends a drive to a map, as a session of the given name or a numbered one."""
        place_map.begin_session(session)
        return MapBuilder(
            self.extractor, place_map, self.config.keyframes, self.calibrator, self.points
        )

    @property
    def calibrator(self) -> Calibrator:
        """What knows how much scores are worth in a map."""
        comparison: dict[str, object] = asdict(self.config.homography)
        del comparison["threads"]
        if self.parts.rerank == NONE:
            comparison = {"rerank": NONE}
        is_measured = self.parts.measured and self.prior == self.parts.prior
        decision, stop = self.config.decision, self.stop or never
        return Calibrator(self.reranker, decision, self.prior, comparison, stop, is_measured)


def build(config: PipelineConfig, hooks: Hooks = NO_HOOKS) -> Pipeline:
    """Load what the configuration names.

    Args:
        config: the method and its settings.
        hooks: for what may take minutes: building a TensorRT engine.

    Raises:
        ConfigError: settings do not go together, or a mask cannot be used.
        BackendError: a library or device that the method needs is missing.
        WeightsError: the network's weights are missing, or do not fit it.
    """
    parts = config.parts
    if parts.describe in HAND_MADE:
        describer: FeatureExtractor = HAND_MADE[parts.describe]()
        look = _Look(config, parts, describer.spec)
    else:
        family = "" if parts.describe == FILE else parts.describe
        networks = Networks(family, config.network, hooks)
        backend = networks.describing()
        if parts.local == OWN and not backend.spec.local_dim:
            parts = without_local(parts, config.local, config.rerank)
        describer = _describer(config, backend)
        look = _Look(config, parts, describer.spec, backend, networks)
    describer = with_local(describer, parts.local, config.sift)
    extractor = AsKeptExtractor(SeeingExtractor(describer, config.image_mask), config.codec)
    reranker = _RERANKERS[parts.rerank](look)
    return Pipeline(config, parts, extractor, reranker, _points(config), hooks.stop)


def _points(config: PipelineConfig) -> PointsOfFrames | None:
    """What finds points for geometry, past the same mask."""
    if config.points == NONE:
        return None
    hidden = read_mask(config.image_mask) if config.image_mask else None
    return PointsOfFrames(DETECTORS[config.points](hidden))


@dataclass(frozen=True)
class _Look:
    """What rerankers are made of."""

    config: PipelineConfig
    parts: Method
    spec: ModelSpec  # of the describer
    backend: Backend | None = None
    networks: Networks | None = None


def _describer(config: PipelineConfig, backend: Backend) -> NetworkExtractor:
    network = config.network
    keep_all = config.homography.rule == REFERENCE
    if keep_all and MIN_SCORE not in backend.spec.settings:
        raise ConfigError(
            f"homography.rule = 'reference' is TransVPR's, not {backend.spec.method}'s: "
            "choose clean"
        )
    min_score = network.min_score if network.min_score >= 0.0 else None
    return NetworkExtractor(backend, keep_all, network.antialias, min_score)


def _homography(look: _Look) -> Reranker:
    """Local features matched under one homography: also for papers that rerank nothing.

    Similarity alone would tell how much two images look alike, never whether they can show one
    place; and the verdict is calibrated on what the second look is worth.
    """
    if look.parts.local != OWN:
        return HomographyReranker(look.config.homography)
    spec = look.spec
    grid = PatchGrid(
        spec.input_width,
        spec.input_height,
        spec.pitch,
        spec.settings.get(MIN_SCORE, 0.0),
        spec.has_unit_local,
    )
    return HomographyReranker(look.config.homography, grid)


def _learned(look: _Look) -> Reranker:
    if look.networks is None or look.backend is None:
        raise ConfigError(f"rerank = 'learned': {look.spec.method} has no network for that")
    size = (look.spec.input_width, look.spec.input_height)
    if look.backend.device == CPU:
        network = look.networks.reranking(look.backend, threads=1)
        return R2FormerReranker(network, size, batch=4, threads=look.networks.cores)
    return R2FormerReranker(look.networks.reranking(look.backend), size)


_RERANKERS: dict[str, Callable[[_Look], Reranker]] = {
    HOMOGRAPHY: _homography,
    LEARNED: _learned,
    NONE: lambda _: SimilarityReranker(),
}
