# SPDX-License-Identifier: Apache-2.0
"""What changes the weights, and at which rate.

Rates are a function of how much of a stage is done: nothing to be stored or resumed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

from torch.optim import SGD, Adam, AdamW, Optimizer

Schedule = Callable[[float, float, float], float]  # (done, all, warm-up), one unit each -> factor

OPTIMIZERS: dict[str, Callable[..., Optimizer]] = {
    "adam": Adam,
    "adamw": AdamW,
    "sgd": partial(SGD, momentum=0.9),
}


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


SCHEDULES: dict[str, Schedule] = {
    "constant": constant,
    "cosine": cosine,
    # Halved after every five epochs, as NetVLAD's is.
    "appsvr": lambda done, *_: float(0.5 ** (math.floor(done) // 5)),
    "r2former": r2former,
    # A twentieth less after every epoch, which is 500 steps there.
    "sup_vpr": lambda done, *_: float(0.95 ** math.floor(done)),
    "transvpr": transvpr,
}
