# SPDX-License-Identifier: Apache-2.0
"""The closing table of a demonstration, and its file for machines."""

from __future__ import annotations

import json
import math
from pathlib import Path

from vpr_ros.demo.outcome import Outcome


def table(outcome: Outcome) -> str:
    """What a person wants to see at the end."""
    lines = ["", *_counts(outcome)]
    if outcome.judged:
        lines += _ratios(outcome)
    return "\n".join([*lines, "", *_latencies(outcome), ""])


def write_json(outcome: Outcome, path: Path) -> None:
    """Write the numbers; the file is replaced as a whole."""
    scratch = path.with_suffix(".part")
    scratch.write_text(json.dumps(outcome.to_json(), indent=2, allow_nan=False) + "\n", "utf-8")
    scratch.replace(path)


def _counts(outcome: Outcome) -> list[str]:
    tally = outcome.tally
    judged = f"right {tally.right}, wrong {tally.wrong}" if outcome.judged else ""
    if tally.unjudged and outcome.judged:
        judged += f", not judged {tally.unjudged}"
    return [
        f"  map        {outcome.keyframes:5d}   keyframes",
        f"  frames     {outcome.sent:5d}   lost {outcome.lost}, answered twice "
        f"{outcome.duplicated}",
        f"  accepted   {tally.accepted:5d}   {judged}".rstrip(),
        f"  ambiguous  {tally.ambiguous:5d}",
        f"  unknown    {tally.unknown:5d}",
    ]


def _ratios(outcome: Outcome) -> list[str]:
    return [
        f"  precision  {_ratio(outcome.tally.precision)}   right ones among the accepted",
        f"  recall     {_ratio(outcome.recall)}   found ones among the {outcome.positives} frames "
        "whose place is in the map",
    ]


def _ratio(value: float) -> str:
    return "    -" if math.isnan(value) else f"{value:5.3f}"


def _latencies(outcome: Outcome) -> list[str]:
    latencies = outcome.tally.latency_ms
    if not latencies:
        return ["  no answers, hence no latencies"]
    width = max(len("latency [ms]"), *map(len, latencies))
    rows = [
        f"  {name:<{width}}  {latency.median:7.1f}  {latency.p95:7.1f}  {latency.max:7.1f}"
        for name, latency in latencies.items()
    ]
    return [f"  {'latency [ms]':<{width}}   median      p95      max", *rows]
