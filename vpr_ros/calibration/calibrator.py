# SPDX-License-Identifier: Apache-2.0
"""When a map is calibrated, and whether the calibration it keeps still holds."""

from __future__ import annotations

import hashlib
import json
import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from vpr_ros.calibration.fit import fitted
from vpr_ros.calibration.survey import FEWEST, Sample, summed, surveyed
from vpr_ros.calibration_curve import CalibrationRecord
from vpr_ros.config import CalibrationConfig, DecisionConfig
from vpr_ros.place_map import Map, PlaceMap
from vpr_ros.rerankers.base import Reranker

_METHOD = 5  # of calibrating; a version that does it another way counts on
_GROWN = 1.2  # a map that has so many times more keyframes is another map
# Of a decision; they change no score.
_IGNORED = ("target_precision", "rival_ratio", "maps_overlap")
_NOTE = "survey"  # under which a map keeps what a survey found before it was cut short
_CLEAR = 1e4  # odds by hand from which a match is no accident

log = logging.getLogger(__name__)
Stop = Callable[[], bool]


def never() -> bool:
    """Nobody asks to stop."""
    return False


class Calibrator:
    """Knows what rerank scores are worth in a map: from its file, or by asking the map itself."""

    def __init__(
        self,
        reranker: Reranker,
        decision: DecisionConfig,
        prior: CalibrationConfig,
        comparison: Mapping[str, object],
        stop: Stop = never,
        measured: bool = False,
    ) -> None:
        """Remember how scores come about.

        Args:
            reranker: what makes the scores.
            decision: what makes a place, and how many candidates are reranked.
            prior: the calibration set by hand.
            comparison: the settings that the reranker's scores depend on.
            stop: asked now and then whether nobody waits for an answer any more.
            measured: whether ``prior`` was measured; see ``fitted``.
        """
        self._reranker, self._decision, self._prior = reranker, decision, prior
        self._stop, self._measured = stop, measured
        relevant = {k: v for k, v in asdict(decision).items() if k not in _IGNORED}
        every = [_METHOD, relevant, asdict(prior), measured, dict(comparison)]
        text = json.dumps(every, sort_keys=True)
        self._settings = hashlib.sha256(text.encode()).hexdigest()[:16]

    def of(self, place_map: Map, earlier: CalibrationRecord | None = None) -> CalibrationRecord:
        """The calibration that the map keeps, or a new one if that does not hold any more.

        A new one takes as long as it takes: some seconds on a CPU, the same result on every
        machine. Only whoever waits for it can stop it, and then gets the hand-set one.

        Args:
            place_map: the map; it is only read.
            earlier: one that was made of this map and need not be made again if it still holds.

        Raises:
            MapError: the map cannot be read.
            BackendError: the reranker's device failed.
        """
        for known in (place_map.calibration(), earlier):
            if known is not None and self._holds(known, len(place_map)):
                return known
        samples = self._asked(place_map, self._stop)
        is_complete = len(samples) == self._wanted(place_map)
        return self._record(place_map, samples if is_complete else ())

    def keep(self, place_map: PlaceMap, stop: Stop = never) -> None:
        """Calibrate a map that is open for writing, and let it keep the result.

        Args:
            place_map: the map.
            stop: asked now and then; what was found until then is kept, too, and whoever opens the
                map goes on there.

        Raises:
            MapError: the map cannot be read or written.
            BackendError: the reranker's device failed.
        """
        known = place_map.calibration()
        if known is not None and self._holds(known, len(place_map), grown=1.0):
            return
        samples = self._asked(place_map, stop)
        if len(samples) == self._wanted(place_map):
            record = self._record(place_map, samples)
            place_map.keep_calibration(record)
            if words := record.out_of_reach(self._decision.target_precision):
                log.warning("%s", words)
        elif samples:
            note = [self._settings, len(place_map), [list(each) for each in samples]]
            place_map.keep_note(_NOTE, json.dumps(note))

    def _holds(self, known: CalibrationRecord, keyframes: int, grown: float = _GROWN) -> bool:
        same_map = known.keyframes <= keyframes <= grown * known.keyframes
        return same_map and known.settings == self._settings

    def _asked(self, place_map: Map, stop: Stop) -> tuple[Sample, ...]:
        """What the map says of itself, as far as there was time for it."""
        if self._wanted(place_map) == 0:
            return ()
        started = time.monotonic()
        known = self._noted(place_map)
        samples = surveyed(place_map, self._reranker, self._decision, stop, known)
        added, took = len(samples) - len(known), time.monotonic() - started
        log.info("calibrated by %d keyframes in %.1f s", added, took)
        return samples

    def _wanted(self, place_map: Map) -> int:
        """How many samples a survey of the map has; small maps say too little of themselves."""
        return min(self._reranker.survey, len(place_map)) if len(place_map) >= FEWEST else 0

    def _noted(self, place_map: Map) -> list[Sample]:
        """What an earlier survey of this very map found before it was cut short."""
        settings, keyframes, samples = json.loads(place_map.note(_NOTE) or "[0, 0, 0]")
        if (settings, keyframes) != (self._settings, len(place_map)):
            return []
        return [_sample(each) for each in samples]

    def _record(self, place_map: Map, samples: Sequence[Sample]) -> CalibrationRecord:
        clear = self._prior.half_score + math.log(_CLEAR) / self._prior.score_slope
        survey = summed(samples, clear, len(place_map))
        return CalibrationRecord(
            fitted(survey, self._prior, self._decision.prior_mapped, self._measured),
            len(place_map),
            self._settings,
            time.time_ns(),
            survey.right,
            survey.beyond,
            survey.elsewhere,
            survey.look_alikes,
            survey.usual,
            survey.again,
        )


def _sample(values: Sequence[Any]) -> Sample:
    """Of a note, where what was a tuple has become a list."""
    right, beyond, elsewhere, choice, others, again, astray = values
    return Sample(right, beyond, elsewhere, choice, tuple(others), again, astray)
