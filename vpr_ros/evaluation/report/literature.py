# SPDX-License-Identifier: Apache-2.0
"""The papers' figures for the same data set, beside one's own."""

from __future__ import annotations

from vpr_ros.evaluation.published import COSTS, published_recalls
from vpr_ros.evaluation.report.contents import Findings
from vpr_ros.evaluation.report.markup import element, text
from vpr_ros.evaluation.report.tables import table
from vpr_ros.evaluation.scores import RERANKED

_COUNTS = (1, 5, 10)  # the N of the papers


def literature(findings: Findings) -> str:
    """A table of recalls if papers know the data set, and one of costs in any case."""
    recalls = _recalls(findings)
    said = (
        "Papers measured time on other machines, and memory of descriptors alone: for orientation."
    )
    return recalls + _costs(findings) + element("p", text(said), class_="note")


def _recalls(findings: Findings) -> str:
    published = published_recalls(findings.data.name)
    if not published:
        return element("p", "No paper of those known here has figures for this data set.")
    rows = [(True, each.run.variant.name, dict(_own(findings, index)), "this report")
            for index, each in enumerate(findings.results)]  # fmt: skip
    for paper in published:
        source = ". ".join(filter(None, (paper.source, paper.note)))
        rows.append((False, paper.method, dict(paper.recall), source))
    rows.sort(key=lambda row: -row[2].get(1, 0.0))
    cells = [[text(name), *_shares(recall), text(source)] for _, name, recall, source in rows]
    own = [number for number, row in enumerate(rows) if row[0]]
    head = ["method", *(f"R@{count}" for count in _COUNTS), "source"]
    return table(head, cells, own, words=(len(head) - 1,))


def _own(findings: Findings, index: int) -> dict[int, float]:
    recall = findings.results[index].score(RERANKED).recall
    return {count: each.mean for count, each in recall.items()}


def _shares(recall: dict[int, float]) -> list[str]:
    return [f"{100 * recall[count]:.1f} %" if count in recall else "" for count in _COUNTS]


def _costs(findings: Findings) -> str:
    head = ["method", "extract", "retrieve", "rerank", "kB of a place", "source"]
    rows = []
    for result in findings.results:
        times = [result.latency[stage][50.0] for stage in ("extract", "retrieve", "rerank")]
        cells = [f"{1e3 * each:.1f} ms" for each in times]
        size = f"{result.run.place_bytes / 1e3:.0f}"
        rows.append([text(result.run.variant.name), *cells, size, "this report"])
    for cost in COSTS:
        stages = (cost.extraction_ms, cost.retrieval_ms, cost.reranking_ms)
        cells = ["" if each is None else f"{each:g} ms" for each in stages]
        size = f"{cost.million_gib * 2**30 / 1e6 / 1e3:.3g}"
        rows.append([text(cost.method), *cells, size, text(cost.source)])
    return table(head, rows, range(len(findings.results)), words=(len(head) - 1,))
