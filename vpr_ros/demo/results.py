# SPDX-License-Identifier: Apache-2.0
"""What comes out of a demonstration, line by line and in the end, and whether it did its job."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vpr_ros.atomic_file import write_files
from vpr_ros.datatypes import Recognition, Verdict
from vpr_ros.evaluation.judge import Truth, Verdicts
from vpr_ros.evaluation.metrics.pose_errors import PoseOf

LEAST_PRECISION = 0.95
LEAST_RECALL = 0.5
_NS_PER_S = 1_000_000_000
_LINE_PERIOD_NS = _NS_PER_S  # of the drive between two lines, unless the verdict changes


@dataclass(frozen=True)
class Results:
    """The answers to one drive, held against what was sent and what is true."""

    answers: tuple[Recognition | None, ...]  # to each image sent, the first that came
    verdicts: Verdicts
    duplicated: int  # answers beyond the first one of an image
    positives: int  # images sent whose place is in the map
    is_judged: bool  # whether the truth is known

    @classmethod
    def of(
        cls,
        received: Sequence[Recognition],
        sent_ns: Sequence[int],
        keyframes_ns: Sequence[int],
        truth: Truth | None,
        pose_of: PoseOf = lambda key: None,
    ) -> Results:
        """Count.

        Args:
            received: every answer that came, in any order.
            sent_ns: stamps of the images in the query bag.
            keyframes_ns: stamps of the map's keyframes.
            truth: the true trajectories, None if not known.
            pose_of: gives a keyframe's pose in the map.
        """
        counts = Counter(answer.stamp_ns for answer in received)
        firsts = {answer.stamp_ns: answer for answer in reversed(received)}
        answers = tuple(firsts.get(stamp_ns) for stamp_ns in sent_ns)
        known = truth or Truth([], [])
        return cls(
            answers,
            Verdicts.of(answers, known, keyframes_ns, pose_of=pose_of),
            sum(count - 1 for count in counts.values()),
            sum(known.has_positive(stamp, keyframes_ns) is True for stamp in sent_ns),
            truth is not None,
        )

    @property
    def lost(self) -> int:
        """Images without an answer."""
        return self.answers.count(None)

    @property
    def recall(self) -> float:
        """Accepted and right ones among the positives, a lost image being neither."""
        return self.verdicts.tally.found / self.positives if self.positives else math.nan

    def to_json(self) -> dict[str, Any]:
        """All numbers; what the truth would have to tell is null where it is not known."""
        numbers = self.verdicts.tally.to_json()
        numbers["answered"], numbers["frames"] = numbers["frames"], len(self.answers)
        numbers |= {"lost": self.lost, "duplicated": self.duplicated}
        numbers |= {"keyframes": self.verdicts.keyframes, "positives": self.positives}
        numbers["recall"] = None if math.isnan(self.recall) else self.recall
        numbers["poses"] = self.verdicts.poses.to_json()
        if not self.is_judged:
            unknown = ("right", "wrong", "found", "positives", "unjudged", "precision", "recall")
            numbers |= dict.fromkeys(unknown)
        return numbers

    def write(self, path: Path) -> None:
        """Write the numbers; the file is replaced as a whole."""
        text = json.dumps(self.to_json(), indent=2, allow_nan=False) + "\n"
        write_files({path: text.encode()})

    def shortcomings(self, strict: bool) -> list[str]:
        """Why the demonstration failed; ``strict``: also by what the simulated drive allows."""
        tally = self.verdicts.tally
        if not tally.accepted:
            return ["no match was accepted"]
        limits = {
            "precision": (tally.precision, LEAST_PRECISION),
            "recall": (self.recall, LEAST_RECALL),
        }
        return [
            f"{name} {value:.3f} is below {least}"
            for name, (value, least) in limits.items()
            if strict and not value >= least
        ]

    def summary(self) -> str:
        """The counts in one line."""
        tally = self.verdicts.tally
        judged = f" ({tally.right} right, {tally.wrong} wrong)" if self.is_judged else ""
        text = f"{len(self.answers)} frames: {tally.accepted} accepted{judged}, "
        text += f"{tally.ambiguous} ambiguous, {tally.unknown} unknown"
        text += f", {self.lost} lost" if self.lost else ""
        total = tally.latency_ms.get("total")
        return text if total is None else f"{text}; {total.median:.0f} ms a frame"

    def table(self) -> str:
        """What a person wants to see at the end."""
        tally = self.verdicts.tally
        judged = f"right {tally.right}, wrong {tally.wrong}" if self.is_judged else ""
        if tally.unjudged and self.is_judged:
            judged += f", not judged {tally.unjudged}"
        sent = f"lost {self.lost}, answered twice {self.duplicated}"
        rows = [
            ("map", f"{self.verdicts.keyframes:5d}", "keyframes"),
            ("frames", f"{len(self.answers):5d}", sent),
            ("accepted", f"{tally.accepted:5d}", judged),
            ("ambiguous", f"{tally.ambiguous:5d}", ""),
            ("unknown", f"{tally.unknown:5d}", ""),
        ]
        if self.is_judged:
            found = f"found ones among the {self.positives} frames whose place is in the map"
            rows.append(("precision", _ratio(tally.precision), "right ones among the accepted"))
            rows.append(("recall", _ratio(self.recall), found))
        rows.append(("poses", f"{self.verdicts.poses.measured:5d}", self._poses()))
        lines = [f"  {name:<9}  {number}   {words}".rstrip() for name, number, words in rows]
        return "\n".join(["", *lines, "", *self._latencies(), ""])

    def _poses(self) -> str:
        poses = self.verdicts.poses
        if not len(poses.normalized):
            return "measured at accepted frames"
        (median, _, most), (turn, _, _) = poses.percentiles
        return (
            f"measured at accepted frames: median {median:.2f} m and {math.degrees(turn):.2f}°, "
            f"99 % within {most:.2f} m"
        )

    def _latencies(self) -> list[str]:
        latencies = self.verdicts.tally.latency_ms
        if not latencies:
            return ["  no answers, hence no latencies"]
        width = max(len("latency [ms]"), *map(len, latencies))
        rows = [
            f"  {name:<{width}}  {latency.median:7.1f}  {latency.p95:7.1f}  {latency.max:7.1f}"
            for name, latency in latencies.items()
        ]
        return [f"  {'latency [ms]':<{width}}   median      p95      max", *rows]


class LiveLines:
    """Prints a line for a change of verdict, and otherwise one per second of the drive."""

    def __init__(self, say: Callable[[str], None], truth: Truth | None) -> None:
        self._say = say
        self._truth = truth
        self._first_ns: int | None = None
        self._last: Recognition | None = None

    def show(self, answer: Recognition) -> None:
        """Take the next answer."""
        if self._first_ns is None:
            self._first_ns = answer.stamp_ns
        last = self._last
        is_new = last is None or answer.verdict is not last.verdict
        if is_new or last is None or answer.stamp_ns - last.stamp_ns >= _LINE_PERIOD_NS:
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


def _ratio(value: float) -> str:
    return "    -" if math.isnan(value) else f"{value:5.3f}"
