# SPDX-License-Identifier: Apache-2.0
"""What an evaluation found, as a page: one file, which needs no network and runs no program."""

from __future__ import annotations

import base64
import math
import platform
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vpr_ros.config import PipelineConfig, settings_of
from vpr_ros.errors import ConfigError
from vpr_ros.evaluation.judge import Verdicts
from vpr_ros.evaluation.metrics.localization import BUCKETS
from vpr_ros.evaluation.metrics.pose_errors import PoseErrors
from vpr_ros.evaluation.report import charts, tables
from vpr_ros.evaluation.report.cases import KINDS, Case, Matrix
from vpr_ros.evaluation.report.figures import MISSING, STYLE, Chart
from vpr_ros.evaluation.report.overhead import Situation, overhead_chart
from vpr_ros.evaluation.retrieval_set import RetrievalSet
from vpr_ros.evaluation.scores import RERANKED, RETRIEVAL, Result
from vpr_ros.evaluation.studies import Study


@dataclass(frozen=True)
class Findings:
    """The results of all variants on one data set, with what helps to understand them."""

    data: RetrievalSet
    results: tuple[Result, ...]  # empty where the truth is kept secret
    counts: tuple[int, ...]  # the N of recall@N
    command: str  # that made them
    made: str  # date and time
    study: Study | None = None
    verdicts: Verdicts | None = None  # of the first variant, where there are drives
    cases: Sequence[Case] = ()  # of the first variant
    matrix: Matrix | None = None  # of the first variant
    notes: Sequence[str] = ()  # what a reader should know


def page(findings: Findings) -> str:
    """The findings as one HTML document, filled into ``page.html``.

    Raises:
        ConfigError: jinja2 or matplotlib is not installed.
    """
    try:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined
    except ImportError as error:
        raise ConfigError(MISSING.format("jinja2")) from error
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined
    )
    environment.filters["jpeg"] = _address
    return environment.get_template("page.html").render(_contents(findings)) + "\n"


def in_words(verdicts: Verdicts) -> str:
    """The localizer's verdicts in one sentence."""
    tally, limits = verdicts.tally, verdicts.limits
    return (
        f"A map of {verdicts.keyframes} keyframes answered {tally.frames} images: "
        f"{tally.accepted} accepted, of them {tally.right} right (within "
        f"{limits.right_distance:g} m) and {tally.wrong} wrong; {tally.positives} of the images "
        f"have a keyframe within {limits.positive_distance:g} m."
    )


def changed_settings(config: PipelineConfig) -> list[str]:
    """Method, candidates, and every setting that is not the default, as ``NAME=VALUE``."""
    defaults = {name: value for name, value, _ in settings_of(PipelineConfig())}
    always = ("method", "decision.candidates")
    return [
        f"{name}={value}"
        for name, value, _ in settings_of(config)
        if name in always or value != defaults[name]
    ]


def _contents(findings: Findings) -> dict[str, Any]:
    """What the template asks for."""
    results, data, study = findings.results, findings.data, findings.study
    return {
        "style": STYLE.read_text("utf-8"),
        "data": data,
        "made": findings.made,
        "command": findings.command,
        "machine": f"Python {platform.python_version()} on {platform.machine()}",
        "notes": findings.notes,
        "results": results,
        "figures": list(_figures(findings)) if results else [],
        "verdicts": _verdicts(findings.verdicts) if findings.verdicts else None,
        "recall": _recall(findings) if results else None,
        "best": list(_best(findings)),
        "errors": _errors(findings),
        "study": study
        and {
            "title": study.title,
            "charts": charts.study_charts(study, findings.counts),
            "table": tables.study_table(study, findings.counts),
        },
        "galleries": list(_galleries(findings)),
        "cost": _cost(findings) if results else None,
        "published": {
            "recall": tables.published_table(data.name, results),
            "costs": tables.costs_table(results),
        },
        "making": [_made(result.run) for result in results],
    }


def _figures(findings: Findings) -> Iterator[tuple[str, str, str]]:
    """The few numbers that matter most, of the first variant: name, value, and more about it."""
    result = findings.results[0]
    score, before = result.score(RERANKED), result.score(RETRIEVAL)
    for count in findings.counts[:3]:
        share, old = score.recall[count], before.recall[count]
        more = f"retrieval alone {100 * old.mean:.1f} %"
        yield f"recall@{count}", f"{100 * share.mean:.1f} %", more
    curve = result.best(RERANKED).outcomes.curve
    if curve is not None:
        sure = 100 * curve.recall_at_precision(0.99)
        yield "recall when sure", f"{sure:.1f} %", "at 99 % precision"
    total = result.latency["total"]
    worst = f"95 % within {1e3 * total[95.0]:.3g} ms"
    yield "time of a query", f"{1e3 * total[50.0]:.3g} ms", worst
    yield "memory of a place", f"{result.run.place_bytes / 1e3:.3g} kB", "in a map's file"


def _verdicts(verdicts: Verdicts) -> dict[str, Any]:
    outcomes = verdicts.outcomes
    drawn = (charts.reliability_chart, charts.risk_chart) if outcomes.judged.any() else ()
    return {
        "said": in_words(verdicts),
        "table": tables.verdicts_table(verdicts),
        "charts": [draw(outcomes) for draw in drawn],
        "causes": ", ".join(f"{cause} ({count})" for cause, count in verdicts.causes.items()),
        "poses": _poses(verdicts.poses) if verdicts.poses.accepted else None,
    }


def _poses(poses: PoseErrors) -> dict[str, Any]:
    return {
        "said": f"{poses.measured} of {poses.accepted} accepted answers have a measured pose.",
        "table": tables.poses_table(poses) if len(poses.normalized) else None,
        "shares": poses_in_words(poses),
        "reasons": ", ".join(f"{reason} ({count})" for reason, count in poses.reasons.items()),
    }


def poses_in_words(poses: PoseErrors) -> str:
    """How many poses are how good, and whether they know it; empty if none is judged."""
    if not len(poses.normalized):
        return ""
    within = zip(BUCKETS, poses.buckets, strict=True)
    shares = [f"{100 * s:.1f} % within {m:g} m and {math.degrees(r):g}°" for (m, r), s in within]
    sure = f"{100 * poses.consistent:.1f} % within the 99 % bounds of their own covariance"
    return f"{', '.join(shares)}; {sure}"


def _recall(findings: Findings) -> dict[str, Any]:
    results, counts = findings.results, findings.counts
    return {
        "charts": [charts.recall_chart(results, counts), charts.precision_chart(results)],
        "table": tables.recall_table(results, counts),
        "precision": tables.precision_table(results),
    }


def _best(findings: Findings) -> Iterator[Chart]:
    """From above, and as a matrix; of the first variant."""
    ranked = findings.results[0].best(RERANKED).outcomes if findings.results else None
    outcomes = findings.verdicts.outcomes if findings.verdicts else ranked
    if outcomes is not None:
        data = findings.data
        measured = findings.verdicts.poses.placed if findings.verdicts else ()
        situation = Situation(data.database_poses, data.query_poses, outcomes, measured)
        if situation.is_known:
            yield overhead_chart(situation)
    if findings.matrix is not None and ranked is not None:
        yield charts.matrix_chart(findings.matrix, ranked)


def _errors(findings: Findings) -> tables.Table | None:
    errors = findings.results[0].errors if findings.results else None
    return tables.errors_table(errors) if errors and len(errors.distances) else None


def _galleries(findings: Findings) -> Iterator[tuple[str, str, list[Any]]]:
    """Title, explanation and cases of every kind there is."""
    for kind, (title, explained) in KINDS.items():
        some = [case for case in findings.cases if case.kind == kind]
        if some:
            yield title, explained, some


def _cost(findings: Findings) -> dict[str, Any]:
    results = findings.results
    sizes = [
        f"{r.run.variant.name}: {r.run.place_bytes / 1e3:.1f} kB of each place" for r in results
    ]
    return {
        "chart": charts.latency_chart(results),
        "table": tables.latency_table(results),
        "memory": "; ".join(sizes) + ".",
    }


def _made(run: Any) -> tuple[str, str]:
    """A pipeline in words, and its settings."""
    said = f"{run.variant.name}: {run.description}; model {run.spec.space}."
    return said, "\n".join(changed_settings(run.variant.config))


def _address(jpeg: bytes) -> str:
    """An image as the address of itself."""
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode('ascii')}"
