# SPDX-License-Identifier: Apache-2.0
"""What was measured: one line of a table, one object of a JSON list."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Result:
    """One number, and what it is held against where there is something."""

    name: str
    value: float
    unit: str
    baseline: float | None = None  # in the same unit, of the same run
    against: str = ""  # what the baseline is, in words

    @property
    def ratio(self) -> float | None:
        """Value by baseline."""
        return self.value / self.baseline if self.baseline else None

    def to_json(self) -> dict[str, Any]:
        """As ``bench.json`` holds it; baseline and ratio are null where there is no baseline."""
        numbers = {"value": self.value, "unit": self.unit, "baseline": self.baseline}
        return {"name": self.name, **numbers, "ratio": self.ratio}


def table(results: Iterable[Result]) -> str:
    """All results, for a terminal."""
    head = ("", "value", "unit", "baseline", "ratio", "")
    rows = [head, *(_cells(result) for result in results)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    columns = list(zip("<><>><", widths, strict=True))  # to the left or right, and how wide
    lines = (
        [f"{cell:{side}{width}}" for cell, (side, width) in zip(row, columns, strict=True)]
        for row in rows
    )
    return "\n".join("  ".join(line).rstrip() for line in lines)


def write_json(results: Iterable[Result], path: Path) -> None:
    """All results as a JSON list."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps([result.to_json() for result in results], indent=2, allow_nan=False)
    path.write_text(text + "\n", "utf-8")


def add_to_json(results: Iterable[Result], path: Path) -> None:
    """All results, after those that the file holds already."""
    before = json.loads(path.read_text("utf-8")) if path.exists() else []
    earlier = [Result(row["name"], row["value"], row["unit"], row["baseline"]) for row in before]
    write_json([*earlier, *results], path)


def milliseconds(work: Callable[[], object], times: int = 1) -> list[float]:
    """How long each of several runs of the work takes."""
    taken = []
    for _ in range(times):
        start = time.monotonic()
        work()
        taken.append(1e3 * (time.monotonic() - start))
    return taken


def median(values: Sequence[float]) -> float:
    """The median, as a Python number."""
    return float(np.median(values))


def _cells(result: Result) -> tuple[str, ...]:
    baseline = "" if result.baseline is None else _number(result.baseline)
    ratio = "" if result.ratio is None else f"{result.ratio:.2f}"
    return result.name, _number(result.value), result.unit, baseline, ratio, result.against


def _number(value: float) -> str:
    if value == round(value):
        return f"{value:.0f}"
    return f"{value:.1f}" if abs(value) >= 100.0 else f"{value:.3g}"
