# SPDX-License-Identifier: Apache-2.0
"""The answers of the localizer as they come in, as lines on a terminal."""

from __future__ import annotations

from collections.abc import Callable

from vpr_ros.datatypes import Recognition, Verdict
from vpr_ros.evaluation.judge import Truth

_NS_PER_S = 1_000_000_000


class LiveLines:
    """Prints a line for a change of verdict, and otherwise one per second of the drive."""

    def __init__(
        self, say: Callable[[str], None], truth: Truth | None, period_s: float = 1.0
    ) -> None:
        self._say = say
        self._truth = truth
        self._period_ns = round(period_s * _NS_PER_S)
        self._first_ns: int | None = None
        self._last: Recognition | None = None

    def show(self, answer: Recognition) -> None:
        """Take the next answer."""
        if self._first_ns is None:
            self._first_ns = answer.stamp_ns
        last = self._last
        is_new = last is None or answer.verdict is not last.verdict
        if is_new or last is None or answer.stamp_ns - last.stamp_ns >= self._period_ns:
            seconds = (answer.stamp_ns - self._first_ns) / _NS_PER_S
            judged = judged_in_words(answer, self._truth)
            words = f"{answer.reason}; {judged} away" if judged else answer.reason
            self._say(f"{seconds:7.1f} s  {answer.verdict.name:<9}  {words}")
            self._last = answer


def judged_in_words(answer: Recognition, truth: Truth | None) -> str:
    """Whether an accepted match is right, and by how many meters; empty where nobody knows."""
    if truth is None or answer.verdict is not Verdict.ACCEPTED or not answer.candidates:
        return ""
    match_ns = answer.candidates[0].keyframe.stamp_ns
    meters = truth.error_m(answer.stamp_ns, match_ns)
    if meters is None:
        return ""
    return f"{'right' if truth.is_right(answer.stamp_ns, match_ns) else 'WRONG'}, {meters:.1f} m"
