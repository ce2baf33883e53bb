# SPDX-License-Identifier: Apache-2.0
"""What came out of a demonstration, and whether it did its job."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vpr_ros.datatypes import Recognition
from vpr_ros.evaluation.judge import Truth, Verdicts

LEAST_PRECISION = 0.95
LEAST_RECALL = 0.5


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
    ) -> Results:
        """Count.

        Args:
            received: every answer that came, in any order.
            sent_ns: stamps of the images in the query bag.
            keyframes_ns: stamps of the map's keyframes.
            truth: the true trajectories, None if not known.
        """
        counts = Counter(answer.stamp_ns for answer in received)
        firsts = {answer.stamp_ns: answer for answer in reversed(received)}
        answers = tuple(firsts.get(stamp_ns) for stamp_ns in sent_ns)
        known = truth or Truth([], [])
        return cls(
            answers,
            Verdicts.of(answers, known, keyframes_ns),
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
        if not self.is_judged:
            unknown = ("right", "wrong", "found", "positives", "unjudged", "precision", "recall")
            numbers |= dict.fromkeys(unknown)
        return numbers

    def write(self, path: Path) -> None:
        """Write the numbers; the file is replaced as a whole."""
        scratch = path.with_suffix(".part")
        scratch.write_text(json.dumps(self.to_json(), indent=2, allow_nan=False) + "\n", "utf-8")
        scratch.replace(path)

    def shortcomings(self, strict: bool) -> list[str]:
        """Why the demonstration failed; empty if it did its job.

        Args:
            strict: whether precision and recall are held against what the simulated drive allows.
        """
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
        lines = [f"  {name:<9}  {number}   {words}".rstrip() for name, number, words in rows]
        return "\n".join(["", *lines, "", *self._latencies(), ""])

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


def _ratio(value: float) -> str:
    return "    -" if math.isnan(value) else f"{value:5.3f}"
