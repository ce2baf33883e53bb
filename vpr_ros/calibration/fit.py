# SPDX-License-Identifier: Apache-2.0
"""From the scores of a survey to the odds that an answer is right.

Of all images, a part ``mapped * found`` shows a mapped place and is answered right with a score
that stands out. Answers that are wrong and score s or more come in two kinds:

- everywhere, the answers from elsewhere: a part F_elsewhere(s). On the map fewer, since there they
  have to beat the right answer, too, but let them count;
- the answers from just beyond the border of a place, F_beyond(s), for images taken on the map of
  which the survey says that they are misled, and for images off the map but next to it.

    odds(s) = mapped * found / (w F_elsewhere(s) + b F_beyond(s))
    b = mapped * misled + (1 - mapped) * bordering
    w = the scale of F_beyond over that of F_elsewhere, if that is narrower: see ``Calibration``

Both tails are modeled, since a precision of 0.99 asks for scores that no survey of some hundred
keyframes contains. Maxima of many candidates exceed a high level about exponentially: the
generalized Pareto distribution with shape 0 (Coles, An Introduction to Statistical Modeling of
Extreme Values, 2001, chapter 4). Where scores are bounded, tails end sooner: the safe side. Few
samples tell the mean excess badly, so that its upper confidence bound stands for it: the fewer they
are, the higher the needed score. That wrong answers' tails tell what right ones need was shown by
Scheirer, Rocha, Micheals and Boult, Meta-Recognition, PAMI 2011, who fit Weibull distributions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

from vpr_ros.calibration.survey import FEWEST, Survey
from vpr_ros.calibration_curve import Calibration, Tail
from vpr_ros.config import CalibrationConfig

_TAIL = 0.2  # part of the wrong answers that their tail is fitted to
_LEAST_TAIL = 10
_CONFIDENCE = 0.98  # with which the mean excess stays below its bound
_PRIOR_SAMPLES = 5.0  # what the hand-set calibration is worth, where it is the more careful one
# Part of the images at mapped places that score higher than wrong answers usually do. In the
# mapping drive nearly all do; at another hour or in other weather, half of them.
_FOUND = 0.5
_BORDERING = 0.1  # part of the images off the map that are taken just beyond its border


def by_hand(prior: CalibrationConfig) -> Calibration:
    """The calibration of a map that says nothing of itself: a logistic function of the score."""
    return Calibration((Tail(prior.half_score, 1.0, 1.0 / prior.score_slope),), 1.0)


def fitted(
    survey: Survey, prior: CalibrationConfig, mapped: float, measured: bool = False
) -> Calibration:
    """The calibration that a survey speaks for, or the hand-set one if it says too little.

    Args:
        survey: scores of right and wrong answers.
        prior: the hand-set calibration.
        mapped: part of the images that show a mapped place.
        measured: whether the hand-set one was measured where robots were in other places than
            those of their maps: then no map asks for less, whatever it says of itself.
    """
    if len(survey.beyond) < FEWEST:  # then the hand-set one is better than a fitted one
        return by_hand(prior)
    # A map of several drives offers more to go wrong than the one drive that was asked.
    bordering = mapped * survey.misled + (1.0 - mapped) * _BORDERING
    if len(survey.elsewhere) >= FEWEST:
        beyond = _tail(survey.beyond, prior, bordering * survey.reach)
        tails: tuple[Tail, ...] = (beyond, _tail(survey.elsewhere, prior, survey.reach))
    else:  # all of the map is one surrounding: then what lies beyond a place is all there is
        beyond = _tail(survey.beyond, prior, survey.reach)
        tails = (beyond,)
    found = mapped * _found(survey, beyond.start)
    if measured:
        tails += (Tail(prior.half_score, found, 1.0 / prior.score_slope),)
    return Calibration(tails, found, of_map=True)


def _tail(scores: Sequence[float], prior: CalibrationConfig, weight: float) -> Tail:
    """The tail of scores, ascending, of answers that a part of all images gets."""
    # Answers that count as 0 thin out the tail, but tell nothing of how the others spread.
    shown = [score for score in scores if score > 0.0] or [0.0]
    size = min(max(_LEAST_TAIL, round(_TAIL * len(shown))), len(shown) - 1)
    start, highest = shown[-size - 1], shown[len(shown) - size :]
    excess = sum(score - start for score in highest) / max(size, 1)
    careful = max(excess, 1.0 / prior.score_slope)
    excess = (size * excess + _PRIOR_SAMPLES * careful) / (size + _PRIOR_SAMPLES)
    # Numbers of inliers tie: all answers that reach the start are in its share.
    reaching = sum(score >= start for score in scores)
    share = min(1.0, weight * (reaching + 1) / (len(scores) + 1))
    return Tail(start, share, excess * _doubt(max(size, 1)))


def _doubt(samples: int) -> float:
    """How many times larger than its estimate the mean of an exponential distribution may be.

    Twice the sum of n samples in units of the mean is distributed as chi-square with 2 n degrees of
    freedom, whose quantile is that of Wilson and Hilferty (PNAS 1931).
    """
    spread = 2.0 / (9.0 * 2.0 * samples)
    quantile = NormalDist().inv_cdf(1.0 - _CONFIDENCE)
    return float((1.0 - spread + quantile * math.sqrt(spread)) ** -3)


def _found(survey: Survey, usual: float) -> float:
    """Part of the images at mapped places that beat what wrong answers usually score.

    What another drive shows, where one does; else at most what was assumed, and less if not even
    neighbors do.
    """
    if len(survey.again) >= FEWEST:
        beating = sum(score > usual for score in survey.again)
        return (beating + 1) / (len(survey.again) + 2)
    if not survey.right:
        return _FOUND
    beating = sum(score > usual for score in survey.right)
    return min(_FOUND, (beating + 1) / (len(survey.right) + 2))
