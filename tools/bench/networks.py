# SPDX-License-Identifier: Apache-2.0
"""What the published networks cost here; part of ``make bench``.

    python tools/bench/networks.py [--r2former CHECKOUT] [--r2former-packages PACKAGES]

With the folder of github.com/bytedance/R2Former, its reranker is measured beside ours, in the same
run. Results are appended to build/bench.json. Weights are generated: they cost what others do.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import runtimes
import torch
import transvpr

from vpr_ros.benchmark.results import Result, add_to_json, median, milliseconds, table

FOLDER = Path(__file__).parent
RESULTS = Path("build/bench.json")


def main() -> None:
    options = parsed()
    results = [*extraction(options), *transvpr_matching(), *r2former_reranking(options)]
    sys.stdout.write(table(results) + "\n")
    add_to_json(results, RESULTS)


def extraction(options: argparse.Namespace) -> Iterator[Result]:
    """One image through the extractors; of the published code only R2Former's has a license."""
    published = {}
    if options.r2former:
        theirs = child("published-extractor", options.r2former, options.r2former_packages)
        published["r2former"] = 1e3 * theirs["seconds"]
    yield from runtimes.extraction(published)


def transvpr_matching() -> Iterator[Result]:
    query, candidates = transvpr.images()
    runs = {
        "plain": partial(transvpr.plainly, query, candidates),
        "reference": partial(transvpr.ours, "reference", query, candidates),
        "clean": partial(transvpr.ours, "clean", query, candidates),
    }
    scores = {name: run() for name, run in runs.items()}
    # By turns, so that a busy moment of this machine meets all of them.
    taken = [{name: milliseconds(run)[0] for name, run in runs.items()} for _ in range(3)]
    plain = median([each["plain"] for each in taken])
    for rule in ("reference", "clean"):
        mine = median([each[rule] for each in taken])
        name = f"transvpr: rerank 100 candidates, rule {rule}"
        yield Result(name, mine, "ms", plain, "the published rule, plainly")
        differ = sum(a != b for a, b in zip(scores[rule], scores["plain"], strict=True))
        yield Result(f"{name}: scores that differ", differ, "of 100")


def r2former_reranking(options: argparse.Namespace) -> Iterator[Result]:
    mine = child("ours")
    name = "r2former: rerank 100 candidates"
    yield Result("r2former: the exponentials of its attention alone", exponentials_ms(), "ms")
    if not options.r2former:
        yield Result(name, 1e3 * mine["seconds"], "ms")
        yield Result(f"{name}: peak memory", mine["peak_mb"], "MB")
        return
    theirs = child("published", options.r2former, options.r2former_packages)
    yield Result(name, 1e3 * mine["seconds"], "ms", 1e3 * theirs["seconds"], "published code")
    peak = f"{name}: peak memory"
    yield Result(peak, mine["peak_mb"], "MB", theirs["peak_mb"], "published code")
    difference = np.abs(np.subtract(mine["values"], theirs["values"])).max()
    yield Result(f"{name}: largest difference of scores", float(difference), "")


def exponentials_ms() -> float:
    """What no implementation of the reranker's attention can save, two threads.

    Five of its six blocks attend from every token to every token; the last asks for one only.
    """
    torch.set_num_threads(2)
    scores = torch.rand(4, 1001, 1001)  # heads of one candidate
    exponentials = partial(torch.exp, scores, out=torch.empty_like(scores))
    return 100 * 5 * median(milliseconds(exponentials, 20))


def child(*arguments: str) -> dict:
    """What a process of its own says: memory is measured by process."""
    words = [sys.executable, str(FOLDER / "r2former.py"), *filter(None, arguments)]
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--r2former", default="", help="checkout of the published code")
    parser.add_argument(
        "--r2former-packages", default="", help="folder of the timm 0.5.4 that it asks for"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
