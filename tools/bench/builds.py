# SPDX-License-Identifier: Apache-2.0
"""This build beside another one in the same run: what a frame costs besides the pipeline's stages.

    python tools/bench/builds.py --other CHECKOUT [--keyframes 100000] [--rounds 3]

CHECKOUT is another revision of this repository, with its messages built (``make setup``). Both
builds are measured by turns, each in a process of its own, by ``build_probe.py``; results go to
build/bench.json, after those that it holds.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

from vpr_ros.benchmark.results import Result, add_to_json, median, table

ROOT = Path(__file__).parents[2]
PROBE = Path(__file__).parent / "build_probe.py"
RESULTS = Path("build/bench.json")


def main() -> None:
    options = parsed()
    rounds = [
        {name: probed(build, options.keyframes) for name, build in builds(options.other).items()}
        for _ in range(options.rounds)
    ]
    names = rounds[0]["mine"]
    results = [
        Result(
            name,
            median([each["mine"][name] for each in rounds]),
            "ms",
            median([each["other"][name] for each in rounds]),
            "the other build",
        )
        for name in names
    ]
    sys.stdout.write(table(results) + "\n")
    add_to_json(results, RESULTS)


def builds(other: Path) -> dict[str, Path]:
    return {"mine": ROOT, "other": other.resolve()}


def probed(build: Path, keyframes: int) -> dict[str, float]:
    """Milliseconds of processor time by name, measured in a process that imports this build."""
    words = ["tools/env.sh", "python", str(PROBE), str(keyframes)]
    # Each build takes the release of ROS that is its default.
    environment = {name: value for name, value in os.environ.items() if name != "ROS_DISTRO"}
    environment |= {"PYTHONPATH": "", "VPR_BUILD": str(build)}
    done = subprocess.run(
        words, cwd=build, env=environment, check=True, stdout=subprocess.PIPE, text=True
    )
    values: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return values


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--other", type=Path, required=True, metavar="CHECKOUT")
    parser.add_argument("--keyframes", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


if __name__ == "__main__":
    main()
