# SPDX-License-Identifier: Apache-2.0
"""Verb ``evaluate``: how good the pipeline is, on your own recordings or a published data set."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from vpr_ros.cli.evaluate_source import add_source, drives_of, limits_of, read_source, sets_listed
from vpr_ros.cli.evaluate_table import lines_of
from vpr_ros.cli.options import (
    COMPARE_HELP,
    add_list,
    add_option,
    add_settings,
    settings_table,
    variants_of,
)
from vpr_ros.cli.terminal import PROGRAM, Skipped, progress, say
from vpr_ros.errors import ConfigError
from vpr_ros.evaluation.drive import judge_drive
from vpr_ros.evaluation.features.feature_store import default_cache
from vpr_ros.evaluation.protocols.submissions import write_poses, write_predictions
from vpr_ros.evaluation.report.as_json import as_json
from vpr_ros.evaluation.report.cases import cases, similarity_matrix
from vpr_ros.evaluation.report.page import Findings, page
from vpr_ros.evaluation.runner import Task, Variant, described, run_all
from vpr_ros.evaluation.scores import RERANKED, Result, score
from vpr_ros.evaluation.studies import STUDIES, run_study

SUMMARY = "measure recall, verdicts and time on recordings or a published data set"

_DEPTH = 100  # images of a ranking, where it need not hold the whole database
_WHOLE = 5_000_000  # images in all rankings, up to which they hold the whole database
# Data sets that a server judges, and what writes the file that it takes.
_SERVERS = {"msls": write_predictions, "robotcar-seasons-v2": write_poses}
_SECRET = "The truth of this set is kept secret: --predictions writes what its server judges."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's options."""
    add_source(parser)
    counts = "the N of recall@N (default: %(default)s)"
    parser.add_argument("-n", "--recall-at", default="1,5,10,20", metavar="N,N", help=counts)
    add_list(parser, "--compare", "compare", "'NAME: SETTING=VALUE ...'", COMPARE_HELP)
    parser.add_argument("--study", choices=list(STUDIES), help="change one setting step by step")
    add_option(parser, "--json", "FILE", "write numbers and rankings")
    add_option(parser, "--html", "FILE", "write a report as one web page")
    judged = "write what the servers of MSLS and RobotCar Seasons judge"
    add_option(parser, "--predictions", "FILE", judged)
    add_option(parser, "--cache", "DIR", f"of features (default: {default_cache()})")
    add_settings(parser)
    parser.epilog = "\n".join([*sets_listed(), "", "settings:", *settings_table()])


def run(args: argparse.Namespace) -> int:
    """Evaluate."""
    counts = _counts(args.recall_at)
    variants = variants_of(args.settings, args.compare)
    if args.predictions is not None and args.dataset not in _SERVERS:
        raise ConfigError(f"--predictions is for --dataset {' and '.join(_SERVERS)}")
    data, skipped = read_source(args), Skipped()
    if args.study and not data.relevance:
        raise ConfigError(f"--study {args.study} needs the truth, which {data.name} keeps secret")
    pairs = len(data.queries.names) * len(data.database.names)
    most = max(_DEPTH, *counts, *(each.config.decision.candidates for each in variants))
    task = Task(
        data,
        (args.cache or default_cache()).expanduser(),
        depth=0 if pairs <= _WHOLE else most,
        map_path=args.map,
        progress=progress,
        on_error=skipped,
    )
    command, made = shlex.join([PROGRAM, *sys.argv[1:]]), f"{datetime.now():%Y-%m-%d %H:%M}"
    findings = Findings(data, (), counts, command, made)
    findings = _evaluated(args, task, variants, findings, skipped)
    for line in lines_of(findings):
        say(line)
    for path, content in ((args.json, as_json), (args.html, page)):
        if path is not None:
            path.write_text(content(findings), encoding="utf-8")
            say(f"wrote {path}")
    return 0


def _evaluated(
    args: argparse.Namespace,
    task: Task,
    variants: Sequence[Variant],
    findings: Findings,
    skipped: Skipped,
) -> Findings:
    runs = run_all(task, variants)
    if args.predictions is not None:
        write = _SERVERS[args.dataset]
        write(args.predictions, task.data, [each.images for each in runs[0].after])
        say(f"wrote {args.predictions}")
    if not task.data.relevance:
        return replace(findings, notes=(_SECRET,))
    results = tuple(score(task.data, each, findings.counts) for each in runs)
    findings = replace(findings, results=results, notes=_notes(results, skipped))
    findings = _explained(args, task, findings)
    if args.study:
        study = run_study(args.study, task, variants[0], findings.counts)
        findings = replace(findings, study=study)
    return findings


def _explained(args: argparse.Namespace, task: Task, findings: Findings) -> Findings:
    """With verdicts, and what only the page shows; of the first variant."""
    result, drives = findings.results[0], drives_of(args)
    if drives is None and args.html is None:
        return findings
    silent = replace(task, on_error=lambda error: None)  # broken images were told of before
    with described(silent, result.run.variant.config) as opened:
        if drives is not None:
            verdicts = judge_drive(task, opened, *drives, limits_of(args))
            findings = replace(findings, verdicts=verdicts)
        if args.html is not None:
            findings = replace(
                findings,
                cases=tuple(cases(task.data, result.run, result.best(RERANKED), opened)),
                matrix=similarity_matrix(opened.queries, opened.database),
            )
    return findings


def _notes(results: Sequence[Result], skipped: Skipped) -> tuple[str, ...]:
    broken = max(len(each.run.broken_database) + len(each.run.broken_queries) for each in results)
    if not broken:
        return ()
    first = f", the first: {skipped.first}" if skipped.first else ""
    return (
        f"{broken} images cannot be read and are left out, with {results[0].left_out} queries that "
        f"would count{first}",
    )


def _counts(text: str) -> tuple[int, ...]:
    try:
        counts = tuple(sorted({int(each) for each in text.split(",")}))
    except ValueError:
        counts = ()
    if not counts or counts[0] < 1:
        raise ConfigError(f"--recall-at {text}: write whole numbers from 1 on, such as 1,5,10")
    return counts
