# SPDX-License-Identifier: Apache-2.0
"""Findings as JSON: strict, and the same numbers as the findings."""

import json
from dataclasses import replace

import numpy as np
import pytest

from vpr_ros.evaluation.report.as_json import as_json
from vpr_ros.evaluation.scores import RERANKED


def refused(name):
    raise ValueError(name)


def test_numbers_are_those_of_the_findings(findings):
    known = json.loads(as_json(findings), parse_constant=refused)
    assert (known["database"], known["queries"]) == (20, 12)
    first, result = known["variants"][0], findings.results[0]
    score = next(each for each in first["scores"] if each["stage"] == RERANKED)
    assert score["recall"]["1"]["mean"] == result.score(RERANKED).recall[1].mean
    assert first["settings"]["decision.candidates"] == 5
    assert first["rankings"][3] == result.run.after[3].images[:20].tolist()
    assert first["errors"]["50"]["meters"] >= 0.5
    assert known["verdicts"]["accepted"] == 6
    poses = known["verdicts"]["poses"]
    assert (poses["accepted"], poses["measured"], poses["judged"]) == (6, 4, 3)
    assert poses["meters"] == {"50": 0.05, "90": 0.4, "99": 0.4}
    assert poses["within"]["0.25 m, 2 degrees"] == pytest.approx(2 / 3)
    assert len(known["study"]["points"]) == len(findings.study.points)


def test_what_is_no_number_is_null(findings):
    outcomes = findings.verdicts.outcomes
    nothing = replace(outcomes, judged=np.zeros(len(outcomes), bool))
    verdicts = replace(findings.verdicts, outcomes=nothing)
    known = json.loads(as_json(replace(findings, verdicts=verdicts)), parse_constant=refused)
    assert known["verdicts"]["calibration_error"] is None
