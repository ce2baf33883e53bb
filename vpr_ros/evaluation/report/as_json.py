# SPDX-License-Identifier: Apache-2.0
"""Findings as JSON: the numbers that the page shows, and the rankings behind them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from vpr_ros.config import settings_of
from vpr_ros.evaluation.judge import Verdicts
from vpr_ros.evaluation.metrics.localization import error_percentiles
from vpr_ros.evaluation.report.page import Findings
from vpr_ros.evaluation.scores import BestMatches, Result, Score

FORMAT = 1
_PERCENTS = (50.0, 90.0, 95.0)  # of errors
_RANKED = 20  # images of each query's ranking that are written


def as_json(findings: Findings) -> str:
    """One JSON object; what is not a finite number becomes null."""
    data = findings.data
    known = {
        "format": FORMAT,
        "name": data.name,
        "made": findings.made,
        "command": findings.command,
        "database": len(data.database.names),
        "queries": len(data.queries.names),
        "notes": list(findings.notes),
        "variants": [_result(each) for each in findings.results],
        "study": asdict(findings.study) if findings.study else None,
        "verdicts": _verdicts(findings.verdicts) if findings.verdicts else None,
    }
    return json.dumps(_finite(known), indent=1, allow_nan=False)


def _result(result: Result) -> dict[str, Any]:
    run = result.run
    settings = {name: value for name, value, _ in settings_of(run.variant.config)}
    latency = {
        stage: {f"{percent:g}": 1e3 * seconds for percent, seconds in each.items()}
        for stage, each in result.latency.items()
    }
    return {
        "name": run.variant.name,
        "description": run.description,
        "model": run.spec.space,
        "settings": settings,
        "scores": [_score(each) for each in result.scores],
        "best_match": [_best(each) for each in result.matches],
        "latency_ms": latency,
        "errors": _errors(result),
        "bytes_per_place": run.place_bytes,
        "broken_database": run.broken_database.tolist(),
        "broken_queries": run.broken_queries.tolist(),
        "left_out": result.left_out,
        "rankings": [each.images[:_RANKED].tolist() for each in run.after],
        "rankings_of_retrieval": [each.images[:_RANKED].tolist() for each in run.before],
    }


def _errors(result: Result) -> dict[str, Any] | None:
    """Percent -> how far the best match was taken from the query, and how it is turned."""
    if result.errors is None or not len(result.errors.distances):
        return None
    meters, radians = error_percentiles(result.errors, _PERCENTS)
    rows = zip(_PERCENTS, meters.tolist(), np.degrees(radians).tolist(), strict=True)
    return {f"{percent:g}": {"meters": far, "degrees": turn} for percent, far, turn in rows}


def _score(score: Score) -> dict[str, Any]:
    recall = {str(count): each._asdict() for count, each in score.recall.items()}
    return {**asdict(score), "recall": recall}


def _best(matches: BestMatches) -> dict[str, Any]:
    outcomes, curve = matches.outcomes, matches.outcomes.curve
    known = {
        "rule": matches.rule,
        "stage": matches.stage,
        "findable": int(outcomes.findable.sum()),
        "right": int(outcomes.right.sum()),
    }
    if curve is None:
        return known
    return {
        **known,
        "average_precision": curve.area,
        "recall_at_100_precision": curve.recall_at_precision(1.0),
        "recall_at_99_precision": curve.recall_at_precision(0.99),
        "extended_precision": curve.extended_precision,
    }


def _verdicts(verdicts: Verdicts) -> dict[str, Any]:
    outcomes = verdicts.outcomes
    return {
        **verdicts.tally.to_json(),
        "keyframes": verdicts.keyframes,
        "calibration_error": outcomes.calibration_error,
        "risk_coverage_area": outcomes.risk.area if outcomes.risk else None,
        "causes": dict(verdicts.causes),
        "poses": verdicts.poses.to_json(),
    }


def _finite(value: Any) -> Any:
    """The same with null for NaN and infinities, and text for keys."""
    if isinstance(value, Mapping):
        return {str(key): _finite(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
