# SPDX-License-Identifier: Apache-2.0
"""The answers of the localizer as they come in, and how they read on a terminal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from vpr_ros.datatypes import Recognition, Verdict
from vpr_ros.evaluation.judge import Truth
from vpr_ros.geometry.poses import distance

_NS_PER_S = 1_000_000_000


@dataclass(frozen=True)
class Sighting:
    """One answer with what a person wants to know of it."""

    answer: Recognition

    @property
    def stamp_ns(self) -> int:
        """Stamp of the image that was answered."""
        return self.answer.stamp_ns

    @property
    def verdict(self) -> Verdict:
        """What the localizer made of it."""
        return self.answer.verdict

    @property
    def match_stamp_ns(self) -> int | None:
        """Stamp of the first candidate."""
        candidates = self.answer.candidates
        return candidates[0].keyframe.stamp_ns if candidates else None

    @property
    def keyframe_id(self) -> int | None:
        """The first candidate's."""
        candidates = self.answer.candidates
        return candidates[0].keyframe.key.id if candidates else None


def is_right(sighting: Sighting, truth: Truth | None) -> bool | None:
    """Whether an accepted match is right; None for other verdicts and where nobody knows."""
    match_ns = sighting.match_stamp_ns
    if truth is None or match_ns is None or sighting.verdict is not Verdict.ACCEPTED:
        return None
    return truth.is_right(sighting.stamp_ns, match_ns)


def error_m(sighting: Sighting, truth: Truth | None) -> float | None:
    """Meters between the true places of query and match; None where nobody knows."""
    if truth is None or sighting.match_stamp_ns is None:
        return None
    query = truth.query_pose(sighting.stamp_ns)
    match = truth.map_pose(sighting.match_stamp_ns)
    return None if query is None or match is None else distance(query, match)


class LiveLines:
    """Prints a line for a change of verdict, and otherwise one per second of the drive."""

    def __init__(
        self, say: Callable[[str], None], truth: Truth | None, period_s: float = 1.0
    ) -> None:
        self._say = say
        self._truth = truth
        self._period_ns = round(period_s * _NS_PER_S)
        self._first_ns: int | None = None
        self._last: Sighting | None = None

    def show(self, sighting: Sighting) -> None:
        """Take the next answer."""
        if self._first_ns is None:
            self._first_ns = sighting.stamp_ns
        last = self._last
        changed = last is None or sighting.verdict is not last.verdict
        if last is None or changed or sighting.stamp_ns - last.stamp_ns >= self._period_ns:
            self._say(self._line(sighting, (sighting.stamp_ns - self._first_ns) / _NS_PER_S))
            self._last = sighting

    def _line(self, sighting: Sighting, seconds: float) -> str:
        judged, error = is_right(sighting, self._truth), error_m(sighting, self._truth)
        suffix = ""
        if judged is not None and error is not None:
            suffix = f"; {'right' if judged else 'WRONG'}, {error:.1f} m away"
        return f"{seconds:7.1f} s  {sighting.verdict.name:<9}  {sighting.answer.reason}{suffix}"
