# SPDX-License-Identifier: Apache-2.0
"""The page: everything in one file, which needs no network and runs no program."""

from __future__ import annotations

import platform
from collections.abc import Iterator

import numpy as np

from vpr_ros.config import PipelineConfig, settings_of
from vpr_ros.evaluation.outcomes import RIGHT
from vpr_ros.evaluation.report.charts import precision_chart, recall_chart
from vpr_ros.evaluation.report.contents import Findings
from vpr_ros.evaluation.report.gallery import galleries
from vpr_ros.evaluation.report.latency import latency_chart
from vpr_ros.evaluation.report.literature import literature
from vpr_ros.evaluation.report.markup import element, text
from vpr_ros.evaluation.report.matrix import matrix_picture
from vpr_ros.evaluation.report.overhead import Situation, overhead_map
from vpr_ros.evaluation.report.study_section import study_section
from vpr_ros.evaluation.report.style import STYLE
from vpr_ros.evaluation.report.tables import latency_table, precision_table, recall_table, table
from vpr_ros.evaluation.report.verdict_section import verdict_section
from vpr_ros.evaluation.scores import RERANKED, RETRIEVAL, Result


def page(findings: Findings) -> str:
    """The findings as one HTML document."""
    title = f"Place recognition: {findings.data.name}"
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", text(title)),
        element("link", rel="icon", href="data:,"),
        f"<style>{STYLE}</style>",
    )
    body = element("body", _header(findings), element("main", *_sections(findings)), _footer())
    return f"<!DOCTYPE html>\n{element('html', head, body, lang='en')}\n"


def _sections(findings: Findings) -> Iterator[str]:
    results = findings.results
    if findings.verdicts is not None:
        yield _section("What a robot would be told", verdict_section(findings.verdicts))
    if results:
        yield _section("Recall", *_recall(findings))
        yield _section("Best matches", *_best(findings))
    if findings.study is not None:
        yield _section(findings.study.title, study_section(findings.study, findings.counts))
    if findings.cases:
        yield _section("A closer look", galleries(findings.cases))
    if results:
        yield _section("Time and memory", *_cost(findings))
        yield _section("Beside published figures", literature(findings))
    yield _section("How this was made", *_making(findings))


def _header(findings: Findings) -> str:
    data = findings.data
    counts = f"{len(data.queries.names)} queries, {len(data.database.names)} database images"
    lead = f"{counts}. {findings.made}."
    parts = [element("h1", text(data.name)), element("p", text(lead), class_="lead")]
    parts += [element("p", text(note), class_="note") for note in findings.notes]
    if findings.results:
        parts.append(element("dl", *_figures(findings), class_="figures"))
    return element("header", *parts)


def _figures(findings: Findings) -> Iterator[str]:
    """The few numbers that matter most, of the first variant."""
    result = findings.results[0]
    score, before = result.score(RERANKED), result.score(RETRIEVAL)
    for count in findings.counts[:3]:
        share, old = score.recall[count], before.recall[count]
        told = f"retrieval alone {100 * old.mean:.1f} %"
        yield _figure(f"recall@{count}", f"{100 * share.mean:.1f} %", told)
    curve = result.best(RERANKED).outcomes.curve
    if curve is not None:
        sure = 100 * curve.recall_at_precision(0.99)
        yield _figure("recall when sure", f"{sure:.1f} %", "at 99 % precision")
    total = result.latency["total"]
    worst = f"95 % within {1e3 * total[95.0]:.3g} ms"
    yield _figure("time of a query", f"{1e3 * total[50.0]:.3g} ms", worst)
    yield _figure("memory of a place", f"{result.run.place_bytes / 1e3:.3g} kB", "in a map's file")


def _figure(name: str, value: str, told: str) -> str:
    small = element("small", text(told))
    return element("div", element("dt", text(name)), element("dd", text(value), small))


def _recall(findings: Findings) -> Iterator[str]:
    results = findings.results
    charts = (
        ("Right among the first N", recall_chart(results, findings.counts)),
        ("Accepting only sure matches", precision_chart(results)),
    )
    panels = [element("div", element("h3", text(t)), c, class_="panel") for t, c in charts]
    yield element("div", *panels, class_="panels")
    yield element("h3", "Recall@N, with 95 % intervals")
    yield recall_table(results, findings.counts)
    yield element("h3", "The best match, accepted from a score on")
    yield precision_table(results)


def _best(findings: Findings) -> Iterator[str]:
    """From above, and as a matrix; of the first variant."""
    result = findings.results[0]
    best = result.best(RERANKED).outcomes
    outcomes = findings.verdicts.outcomes if findings.verdicts else best
    data = findings.data
    situation = Situation(data.database_poses, data.query_poses, outcomes)
    drawn = overhead_map(situation)
    if drawn:
        said = f"{outcomes.words.count(RIGHT)} right matches; {outcomes.rule}."
        note = element("p", text(said), class_="note")
        yield element("div", element("h3", "From above"), note, drawn, class_="panel")
    if findings.matrix is not None:
        inside = element("h3", "Similarity of all images"), matrix_picture(findings.matrix, best)
        yield element("div", *inside, class_="panel")
    if result.errors is not None and len(result.errors.distances):
        yield element("h3", "How far the best match was taken from the query")
        yield _errors(result)


def _errors(result: Result) -> str:
    errors = result.errors
    assert errors is not None  # asked for by the caller
    percents = (50.0, 75.0, 90.0, 95.0)
    meters = np.percentile(errors.distances, percents, method="higher")
    degrees = np.degrees(np.percentile(errors.angles, percents, method="higher"))
    rows = [
        ["meters", *(f"{each:.2f}" for each in meters)],
        ["degrees", *(f"{each:.1f}" for each in degrees)],
    ]
    return table(["", *(f"{percent:g} %" for percent in percents)], rows)


def _cost(findings: Findings) -> Iterator[str]:
    results = findings.results
    named = [(each.run.variant.name, each.latency) for each in results]
    yield element(
        "div", element("h3", "Median time of a query"), latency_chart(named), class_="panel"
    )
    yield element("h3", "Percentiles of all stages")
    yield latency_table(results)
    said = [
        f"{r.run.variant.name}: {r.run.place_bytes / 1e3:.1f} kB of each place" for r in results
    ]
    yield element("p", text("; ".join(said) + "."), class_="note")


def _making(findings: Findings) -> Iterator[str]:
    yield element("p", "The command:")
    yield element("pre", text(findings.command))
    for result in findings.results:
        run = result.run
        yield element("p", text(f"{run.variant.name}: {run.description}; model {run.spec.space}."))
        yield element("pre", text("\n".join(changed_settings(run.variant.config))))


def changed_settings(config: PipelineConfig) -> list[str]:
    """Method, candidates, and every setting that is not the default, as ``NAME=VALUE``."""
    defaults = {name: value for name, value, _ in settings_of(PipelineConfig())}
    always = ("method", "decision.candidates")
    return [
        f"{name}={value}"
        for name, value, _ in settings_of(config)
        if name in always or value != defaults[name]
    ]


def _section(title: str, *contents: str) -> str:
    inside = element("div", *contents, class_="stack")
    return element("section", element("h2", text(title)), inside)


def _footer() -> str:
    made = f"Made by vpr_ros with Python {platform.python_version()} on {platform.machine()}."
    return element("footer", text(made))
