# SPDX-License-Identifier: Apache-2.0
"""When a map is calibrated, and whether the calibration it keeps still holds."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict

from vpr_ros.calibration.fit import FEWEST, fitted
from vpr_ros.calibration.survey import Survey, surveyed
from vpr_ros.calibration_curve import CalibrationRecord
from vpr_ros.config import CalibrationConfig, DecisionConfig
from vpr_ros.place_map import Map, PlaceMap
from vpr_ros.rerankers.base import Reranker

SECONDS = 10.0  # that a calibration may take; what it knows by then must do

_METHOD = 2  # of calibrating; a version that does it another way counts on
_GROWN = 1.2  # a map that has so many times more keyframes is another map
# Of a decision; they change no score.
_IGNORED = ("target_precision", "rival_ratio", "maps_overlap")

log = logging.getLogger(__name__)


class Calibrator:
    """Knows what rerank scores are worth in a map: from its file, or by asking the map itself."""

    def __init__(
        self,
        reranker: Reranker,
        decision: DecisionConfig,
        prior: CalibrationConfig,
        comparison: Mapping[str, object],
        stop: Callable[[], bool] | None = None,
    ) -> None:
        """Remember how scores come about.

        Args:
            reranker: what makes the scores.
            decision: what makes a place, and how many candidates are reranked.
            prior: the calibration set by hand.
            comparison: the settings that the reranker's scores depend on.
            stop: asked now and then whether nobody waits for an answer any more.
        """
        self._reranker, self._decision, self._prior = reranker, decision, prior
        self._stop = stop or (lambda: False)
        relevant = {k: v for k, v in asdict(decision).items() if k not in _IGNORED}
        every = [_METHOD, relevant, asdict(prior), dict(comparison)]
        text = json.dumps(every, sort_keys=True)
        self._settings = hashlib.sha256(text.encode()).hexdigest()[:16]

    def of(
        self,
        place_map: Map,
        seconds: float = SECONDS,
        earlier: CalibrationRecord | None = None,
    ) -> CalibrationRecord:
        """The calibration that the map keeps, or a new one if that does not hold any more.

        Args:
            place_map: the map; it is only read.
            seconds: that making one may take.
            earlier: one that was made of this map and need not be made again if it still holds.

        Raises:
            MapError: the map cannot be read.
            BackendError: the reranker's device failed.
        """
        for known in (place_map.calibration(), earlier):
            if known is not None and self._holds(known, len(place_map)):
                return known
        return self._made(place_map, seconds, self._stop)[0]

    def keep(self, place_map: PlaceMap, seconds: float = SECONDS) -> None:
        """Calibrate a map that is open for writing, and let it keep the result.

        Raises:
            MapError: the map cannot be read or written.
            BackendError: the reranker's device failed.
        """
        known = place_map.calibration()
        if known is not None and self._holds(known, len(place_map), grown=1.0):
            return
        # Also on the way out: a map that is calibrated now opens fast ever after.
        record, survey = self._made(place_map, seconds, lambda: False)
        # One that was cut short too early is left to be made by whoever has more time.
        if survey.complete or record.calibration.of_map:
            place_map.keep_calibration(record)

    def _holds(self, known: CalibrationRecord, keyframes: int, grown: float = _GROWN) -> bool:
        same_map = known.keyframes <= keyframes <= grown * known.keyframes
        return same_map and known.settings == self._settings

    def _made(
        self, place_map: Map, seconds: float, stop: Callable[[], bool]
    ) -> tuple[CalibrationRecord, Survey]:
        started = time.monotonic()
        survey = Survey()
        if len(place_map) >= FEWEST:
            survey = surveyed(
                place_map,
                self._reranker,
                self._decision,
                self._prior.half_score,
                lambda: stop() or time.monotonic() - started > seconds,
            )
            took = time.monotonic() - started
            log.info("calibrated by %d wrong answers in %.1f s", len(survey.beyond), took)
        record = CalibrationRecord(
            fitted(survey, self._prior, self._decision.prior_mapped),
            len(place_map),
            self._settings,
            time.time_ns(),
            survey.right,
            survey.beyond,
            survey.elsewhere,
            survey.look_alikes,
        )
        return record, survey
