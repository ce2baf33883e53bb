# SPDX-License-Identifier: Apache-2.0
"""The localizer's verdicts: how many were right, and how far its probabilities can be believed."""

from __future__ import annotations

import math

from vpr_ros.evaluation.report.charts import curve_chart
from vpr_ros.evaluation.report.markup import element, text
from vpr_ros.evaluation.report.tables import table
from vpr_ros.evaluation.verdicts import Verdicts


def verdict_section(verdicts: Verdicts) -> str:
    """Counts, ratios, and two curves."""
    parts = [element("p", text(in_words(verdicts))), _counts(verdicts)]
    panels = [_panel(title, drawn) for title, drawn in _charts(verdicts)]
    if panels:
        parts.append(element("div", *panels, class_="panels"))
    if verdicts.causes:
        told = ", ".join(f"{cause} ({count})" for cause, count in verdicts.causes.items())
        parts.append(element("p", text(f"Not accepted because of: {told}."), class_="note"))
    return element("div", *parts, class_="stack")


def in_words(verdicts: Verdicts) -> str:
    """One sentence."""
    tally, limits = verdicts.tally, verdicts.limits
    return (
        f"A map of {verdicts.keyframes} keyframes answered {tally.frames} images: "
        f"{tally.accepted} accepted, of them {tally.right} right (within "
        f"{limits.right_distance:g} m) and {tally.wrong} wrong; {tally.positives} of the images "
        f"have a keyframe within {limits.positive_distance:g} m."
    )


def _counts(verdicts: Verdicts) -> str:
    tally = verdicts.tally
    head = ["accepted", "right", "wrong", "ambiguous", "unknown", "precision", "recall"]
    head += ["calibration error", "area under risk"]
    values = [tally.accepted, tally.right, tally.wrong, tally.ambiguous, tally.unknown]
    ratios = [tally.precision, tally.recall, verdicts.outcomes.calibration_error]
    ratios.append(verdicts.outcomes.risk.area if verdicts.outcomes.risk else math.nan)
    row = [*map(str, values), *("" if math.isnan(each) else f"{each:.3f}" for each in ratios)]
    return table(head, [row])


def _charts(verdicts: Verdicts) -> list[tuple[str, str]]:
    charts = []
    if verdicts.outcomes.reliability:
        points = [(promised, kept) for promised, kept, _ in verdicts.outcomes.reliability]
        labels = ("probability promised", "part that is right")
        drawn = curve_chart(points, labels, "kept", diagonal=True)
        charts.append(("Are promises kept?", drawn))
    risk = verdicts.outcomes.risk
    if risk is not None:
        points = list(zip(risk.coverage.tolist(), risk.risk.tolist(), strict=True))
        labels = ("images answered, the surest first", "part of the answers that is wrong")
        charts.append(("What refusing the doubtful gains", curve_chart(points, labels, "risk")))
    return charts


def _panel(title: str, drawn: str) -> str:
    return element("div", element("h3", text(title)), drawn, class_="panel")
