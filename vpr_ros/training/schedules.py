# SPDX-License-Identifier: Apache-2.0
"""Learning rates as a function of how much of a stage is done: nothing to be stored or resumed."""

from __future__ import annotations

import math
from collections.abc import Callable

from vpr_ros.errors import ConfigError

Schedule = Callable[[float, float, float], float]  # (done, all, warm-up), one unit each -> factor


def constant(done: float, total: float, warmup: float) -> float:
    """The full rate, after a linear rise."""
    del total
    return min(1.0, (done + 1.0) / (warmup + 1.0))


def cosine(done: float, total: float, warmup: float) -> float:
    """A linear rise, then half a cosine down to 1 % of the rate, so that the last steps count."""
    if done < warmup:
        return (done + 1.0) / (warmup + 1.0)
    left = (done - warmup) / max(total - warmup, 1.0)
    return 0.01 + 0.99 * 0.5 * (1.0 + math.cos(math.pi * min(left, 1.0)))


def r2former(done: float, total: float, warmup: float) -> float:
    """R2Former's, by whole epochs: from a tenth, then half a cosine that began with the warm-up."""
    epoch = math.floor(done)
    if epoch < warmup:
        return 0.1 * (1.0 - epoch / warmup) + epoch / warmup
    return 0.5 * (1.0 + math.cos(math.pi * epoch / total))


def transvpr(done: float, total: float, warmup: float) -> float:
    """TransVPR's, by whole epochs: 1/5, 1/4 .. 1 of the rate, then half a cosine."""
    epoch = math.floor(done)
    if epoch < warmup:
        return 1.0 / (warmup - epoch)
    return 0.5 * (1.0 + math.cos(math.pi * (epoch - warmup) / (total - warmup)))


def appsvr(done: float, total: float, warmup: float) -> float:
    """Halved after every five epochs, as NetVLAD's is."""
    del total, warmup
    return float(0.5 ** (math.floor(done) // 5))


def sup_vpr(done: float, total: float, warmup: float) -> float:
    """SUP-VPR's: a twentieth less after every epoch, which is 500 steps there."""
    del total, warmup
    return float(0.95 ** math.floor(done))


SCHEDULES: dict[str, Schedule] = {
    "appsvr": appsvr,
    "constant": constant,
    "cosine": cosine,
    "r2former": r2former,
    "sup_vpr": sup_vpr,
    "transvpr": transvpr,
}


def schedule_of(name: str) -> Schedule:
    """The schedule of this name.

    Raises:
        ConfigError: there is none.
    """
    if name not in SCHEDULES:
        raise ConfigError(f"schedule {name!r} is unknown; known: {', '.join(SCHEDULES)}")
    return SCHEDULES[name]
