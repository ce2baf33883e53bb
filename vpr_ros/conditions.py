# SPDX-License-Identifier: Apache-2.0
"""How today's images differ from the map's: how far they look away, and what wrong answers score.

A map's calibration was made of its own drives. Today's light, weather and camera may be others, and
what the images of today say of that, without knowing where they were taken, is gathered here: the
mean of their global descriptors, and the scores of the candidates that show other places than the
best one does, which are wrong whether that one is right or not. The survey of the map knows what
such candidates score in its own drives. Where they score higher today, all of them, half and most
alike, then so will the false matches that must not be accepted, and the needed score rises by as
much. It never falls: see ``docs/verdicts.md`` for what was measured.

Only images that show something new count, so that a robot that stands is not sure of its wall. A
look costs the same however large the map is and however long the drive.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from vpr_ros.calibration_curve import USUAL, CalibrationRecord
from vpr_ros.datatypes import FloatArray
from vpr_ros.place_map import Map
from vpr_ros.place_map.keyframe_table import Reals
from vpr_ros.place_map.looks import Looks, looks_of

_NEW = 0.05  # 1 - inner product with the last image that counted, of one that counts
_LOOKS = 100  # images that the mean is made of, and that it takes to warn
_SCORES = 1000  # of candidates at other places, the last ones
_ENOUGH = (50, 200)  # images and such scores, to tell quantiles
_ACCEPTED = (20, 100)  # scores of accepted answers: to tell their median, and the last ones
# Quantiles that are so many times the survey's are no accident: among 138 pairs of a map and a
# drive that had enough scores, the smaller of the two ratios reached 1.23.
_CLEAR = 1.3
_STEP = 0.05  # of the factor, so that the needed score does not change with every image
_FAR = 0.6  # spreads; drives of the same place, also by night, reached 0.54, others 0.50 to 1.28
# Spreads at least, and times the largest distance of the map's drives from one another. A drive of
# the same day that shows another part of the way than theirs reached 0.49.
_FAR_FROM_DRIVES = (0.5, 1.5)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Today:
    """What the drive has shown so far; distances in spreads, see ``Looks``."""

    looks: int = 0  # images that counted
    distance: float | None = None  # of their mean from the nearest drive of the map
    between: float | None = None  # that the map's own drives have at most; None if it has but one
    elsewhere: tuple[float, ...] = ()  # ``USUAL`` quantiles of scores at other places; () too few
    accepted: float | None = None  # median score of the accepted answers
    factor: float = 1.0  # by which the needed score is raised

    def facts(self, record: CalibrationRecord) -> dict[str, str]:
        """What people should know, in words; empty as long as there is nothing to say.

        Args:
            record: what the scores of the map are compared with.
        """
        facts = {}
        if self.distance is not None:
            compared = "the map has one drive"
            if self.between is not None:
                compared = f"drives of the map are {self.between:.2f} apart at most"
            facts["conditions: distance of today's images from the map"] = (
                f"{self.distance:.2f} spreads, {compared}"
            )
        if self.elsewhere and record.usual:
            pairs = zip(self.elsewhere, record.usual, USUAL, strict=True)
            words = [f"{100 * q:g} %: {now:.2f}, {then:.2f} in the map" for now, then, q in pairs]
            facts["conditions: scores at other places"] = "; ".join(words)
            raised = f"{100 * (self.factor - 1.0):.0f} %"
            facts["conditions: needed score raised by"] = raised
        if self.accepted is not None and record.right:
            facts["conditions: median score of accepted answers"] = (
                f"{self.accepted:.2f}, {np.median(record.right):.2f} between neighbors in the map"
            )
        return facts


@dataclass
class Conditions:
    """Follows one drive; the same images in the same order lead to the same."""

    place_map: Map
    record: CalibrationRecord
    warns: bool = True  # of images that look far away; new land is nothing to warn of
    today: Today = Today()  # replaced as a whole, so that other threads may read it
    _looks: Looks | None = None
    _between: float | None = None
    _mean: Reals | None = None
    _last: FloatArray | None = None
    _elsewhere: deque[float] = field(default_factory=lambda: deque(maxlen=_SCORES))
    _accepted: deque[float] = field(default_factory=lambda: deque(maxlen=_ACCEPTED[1]))
    _has_warned: bool = False

    @property
    def factor(self) -> float:
        """By which the needed score is raised."""
        return self.today.factor

    def look(
        self, descriptor: FloatArray, elsewhere: Sequence[float], accepted: float | None
    ) -> None:
        """Take note of an image that was answered.

        Args:
            descriptor: of the image, [D].
            elsewhere: scores of the candidates at other places than the best one's.
            accepted: score of the answer, None if it was not accepted.

        Raises:
            MapError: the map cannot be read.
        """
        if self._last is not None and 1.0 - float(np.dot(descriptor, self._last)) < _NEW:
            return
        if self._last is None:  # whatever this drive adds to the map is not compared with
            self._looks = looks_of(self.place_map)
            between = {} if self._looks is None else self._looks.between()
            self._between = max(between.values(), default=None)
        self._last = descriptor
        self._elsewhere.extend(elsewhere)
        if accepted is not None:
            self._accepted.append(accepted)
        self.today = self._summed(descriptor, self.today.looks + 1)
        self._warn()

    def _summed(self, descriptor: FloatArray, looks: int) -> Today:
        before = np.zeros(len(descriptor)) if self._mean is None else self._mean
        self._mean = mean = before + (descriptor - before) / min(looks, _LOOKS)
        distance = None
        if self._looks is not None and looks >= _LOOKS:
            distance = self._looks.distance(mean)
        quantiles: tuple[float, ...] = ()
        enough = looks >= _ENOUGH[0] and len(self._elsewhere) >= _ENOUGH[1]
        if enough and self.record.usual:
            quantiles = tuple(np.quantile(self._elsewhere, USUAL).tolist())
        has_accepted = len(self._accepted) >= _ACCEPTED[0]
        accepted = float(np.median(self._accepted)) if has_accepted else None
        factor = self._factor(quantiles)
        return Today(looks, distance, self._between, quantiles, accepted, factor)

    def _factor(self, quantiles: tuple[float, ...]) -> float:
        """How many times higher wrong answers score today than in the survey of the map."""
        known = self.record.usual
        if not quantiles or min(known) <= 0.0:
            return 1.0
        ratio = min(now / then for now, then in zip(quantiles, known, strict=True))
        return 1.0 + _STEP * int((ratio - 1.0) / _STEP + 0.5) if ratio >= _CLEAR else 1.0

    def _warn(self) -> None:
        """Say once that today's images lie clearly farther than the map's drives explain."""
        today = self.today
        if self._has_warned or not self.warns or today.distance is None:
            return
        least, times = _FAR_FROM_DRIVES
        limit = _FAR if today.between is None else min(_FAR, max(least, times * today.between))
        if today.distance > limit:
            self._has_warned = True
            log.warning(
                "today's images look %.2f spreads away from the map's (more than %.2f is unusual): "
                "another place, camera, light or season. Expect fewer answers; a drive that is "
                "mapped today would help",
                today.distance,
                limit,
            )
