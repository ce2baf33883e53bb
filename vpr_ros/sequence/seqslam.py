# SPDX-License-Identifier: Apache-2.0
"""SeqSLAM: places by sequences of similarities, without local features and without odometry.

Source: Milford and Wyeth, "SeqSLAM: Visual route-based navigation for sunny summer days and stormy
winter nights", ICRA 2012: similarities normalized by their neighborhood along the route, and
straight lines of several speeds through the last images.

Deviations, with their reasons: images enter by the view that is new in them, not by the clock, or
a robot that stands would end every line; lines run in both directions; with odometry they
have nearly the slope that it tells; and the published acceptance, the ratio of the best score to
the best outside a window, is no probability, so scores are held against what chance would reach.
"""

from __future__ import annotations

import math
from collections import deque

import numpy as np
from numpy.typing import NDArray

from vpr_ros.calibration_curve import Calibration
from vpr_ros.config import DecisionConfig, KeyframeConfig, SequenceConfig
from vpr_ros.datatypes import FloatArray
from vpr_ros.place_map.keyframe_table import Reals
from vpr_ros.sequence.base import Belief, Keyframes, Look
from vpr_ros.sequence.freshness import Freshness
from vpr_ros.sequence.motion import OdometryStep
from vpr_ros.sequence.places import summarized
from vpr_ros.sequence.route import Route

_NEW_VIEW = 0.5  # looks that make another row of the sequence
_SPEEDS = 9  # slopes tried in each direction
_SLOWEST = 0.5  # of the speed the map was made at
_ODOMETRY_ERROR = 0.1  # part by which slopes may differ from what odometry says
_LEAST_DEVIATION = 1e-3  # of similarities: below it, neighbors are alike and contrast is noise


class SeqSlam:
    """Scores of all lines through the last looks; K keyframes, T looks.

    Lines run in the order of the keyframes, so a line may cross the border of two drives: there it
    has no support.
    """

    needs_similarities = True

    def __init__(
        self,
        keyframes: Keyframes,
        config: SequenceConfig,
        decision: DecisionConfig,
        steps: KeyframeConfig,
    ) -> None:
        self._keyframes = keyframes
        self._count = 0
        self._config = config
        self._decision = decision
        self._steps = steps
        self._stamp_ns: int | None = None
        self._looks: deque[tuple[FloatArray, float]] = deque(maxlen=config.seqslam_length)
        self._freshness = Freshness(steps)
        self._news = 0.0
        self._traveled = 0.0  # keyframes passed since the start, as far as known
        self._by_odometry = True
        self.reload()

    def update(self, stamp_ns: int, step: OdometryStep | None, look: Look) -> Belief:
        """Add a look to the sequence and find the lines that fit it best.

        Args:
            stamp_ns: the image's stamp; one that lies before the last starts over.
            step: what odometry says since the last update, None if it says nothing.
            look: the image's similarities to all keyframes.
        """
        if self._stamp_ns is not None and stamp_ns < self._stamp_ns:
            self._start_over()
            step = None
        table = self._keyframes.table
        if table is not self._table or len(table) != self._count:
            self.reload()
        worth = self._freshness.of(step, look.descriptor, look.camera)
        self._travel(stamp_ns, step, worth)
        self._news += worth
        if look.similarities is not None and (self._news >= _NEW_VIEW or not self._looks):
            contrast = contrasted(look.similarities, self._config.seqslam_window)
            self._looks.append((contrast, self._traveled))
            self._news = 0.0
        return self._summary()

    def recalibrate(self, calibration: Calibration) -> None:
        """See ``SequenceFilter``; rerank scores have no say in it."""

    def reload(self) -> None:
        """Read all keyframes again."""
        self._table = self._keyframes.table
        self._count = len(self._table)
        route = Route(self._table)
        speeds = [leg.speed for leg in route.legs]
        self._per_second = float(np.mean(speeds)) if speeds else 0.0
        has_meters = any(leg.has_meters for leg in route.legs)
        self._per_meter = 1.0 / route.spacing if has_meters else None

    def _start_over(self) -> None:
        self._stamp_ns = None
        self._looks.clear()
        self._freshness = Freshness(self._steps)
        self._news = self._traveled = 0.0

    def _travel(self, stamp_ns: int, step: OdometryStep | None, worth: float) -> None:
        seconds = 0.0 if self._stamp_ns is None else (stamp_ns - self._stamp_ns) * 1e-9
        known = step is not None and self._per_meter is not None
        if self._stamp_ns is not None and known != self._by_odometry:
            self._looks.clear()  # slopes of the two kinds do not compare
        self._by_odometry = known
        self._stamp_ns = stamp_ns
        if step is not None and self._per_meter is not None:
            self._traveled += step.distance * self._per_meter
        elif worth > 0.0:  # while the view stays what it is, the robot stands
            self._traveled += seconds * self._per_second

    def _summary(self) -> Belief:
        count = self._count
        if len(self._looks) < self._config.seqslam_length or not count:
            return Belief(np.zeros(count), 1.0)
        log_odds = against_chance(self._scores())
        highest = max(0.0, float(log_odds.max()))
        weights, off_map = np.exp(log_odds - highest), math.exp(-highest)
        total = float(weights.sum()) + off_map
        return summarized(weights / total, off_map / total, self._table, self._decision)

    def _scores(self) -> Reals:
        """The mean contrast along the best line that ends at each keyframe, [K]."""
        best = np.full(self._count, -np.inf)
        for speed in self._speeds():
            best = np.maximum(best, self._line(speed))
        return best / len(self._looks)

    def _speeds(self) -> NDArray[np.float64]:
        if self._by_odometry:
            low, high, count = 1.0 - _ODOMETRY_ERROR, 1.0 + _ODOMETRY_ERROR, 3
        else:
            low, high, count = _SLOWEST, self._config.max_speed, _SPEEDS
        speeds = np.linspace(low, high, count)
        return np.concatenate([speeds, -speeds])

    def _line(self, speed: float) -> FloatArray:
        """The sum of contrasts along the line of one speed that ends at each keyframe, [K]."""
        count = self._count
        total = np.zeros(count, np.float32)
        for contrast, traveled in self._looks:
            shift = round(speed * (self._traveled - traveled))
            low, high = max(shift, 0), min(count, len(contrast) + shift)
            if low < high:
                total[low:high] += contrast[low - shift : high - shift]
        return total


def against_chance(scores: Reals) -> Reals:
    """Log odds of each of K scores for being right, not the best of K chance ones, [K].

    The largest of K normal deviates is about b = sqrt(2 ln K), and exceeds it by x in a part
    exp(-b x) of the cases (Gumbel's law; Coles, Statistical Modeling of Extreme Values, 2001).
    Center and width are the median and its deviation, which the right ones do not move.
    """
    expected = max(1.0, np.sqrt(2.0 * np.log(len(scores))))
    center = np.median(scores)
    width = max(1.4826 * float(np.median(np.abs(scores - center))), _LEAST_DEVIATION)
    excess = (scores - center) / width - expected
    log_odds: Reals = expected * excess
    return log_odds


def contrasted(similarities: FloatArray, window: int) -> FloatArray:
    """Similarities in standard deviations above the mean of their neighborhood, [K].

    Args:
        similarities: [K] in the order of the route.
        window: keyframes to each side; equation 1 of the paper.
    """
    count = len(similarities)
    values = similarities.astype(float) - float(similarities.mean()) if count else np.zeros(0)
    ends = np.minimum(np.arange(count) + window + 1, count)
    starts = np.maximum(np.arange(count) - window, 0)
    sizes = ends - starts
    first = np.concatenate([[0.0], np.cumsum(values)])
    second = np.concatenate([[0.0], np.cumsum(values**2)])
    means = (first[ends] - first[starts]) / sizes
    variances = np.maximum((second[ends] - second[starts]) / sizes - means**2, 0.0)
    contrast: FloatArray = (values - means) / np.maximum(np.sqrt(variances), _LEAST_DEVIATION)
    return contrast.astype(np.float32)
