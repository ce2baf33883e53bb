# SPDX-License-Identifier: Apache-2.0
"""Where a run computes: the CPU, a GPU, or several by torch's own launch.

    torchrun --nproc-per-node 4 -m vpr_ros train RECIPE ... --device cuda

starts one process for each GPU. Each takes batches of its own, so that a step sees four times as
many; gradients are averaged, and the first process alone writes files and tells progress.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, distributed, nn

from vpr_ros.errors import TrainingError

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4  # of malloc.h


@dataclass(frozen=True)
class Place:
    """The device of this process, and which of how many processes it is."""

    device: torch.device
    rank: int = 0
    world: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this process writes the run's files."""
        return self.rank == 0

    def moved(self, batch: Any) -> Any:
        """A batch, a tuple of tensors, on this device."""
        return type(batch)(*(each.to(self.device) for each in batch))

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Over all processes; each has the same ones in the same order."""
        if self.world == 1:
            return
        for each in parameters:
            if each.grad is not None:
                distributed.all_reduce(each.grad)
                each.grad /= self.world

    def as_first(self, tensors: Iterable[Tensor]) -> None:
        """Make tensors what they are in the first process."""
        for each in tensors if self.world > 1 else ():
            distributed.broadcast(each, src=0)

    def told_by_first(self, number: int) -> int:
        """What a number is in the first process, which the others wait for."""
        if self.world == 1:
            return number
        told = torch.tensor(number, device=self.device)
        distributed.broadcast(told, src=0)
        return int(told)

    def leave(self) -> None:
        """Part from the other processes once all are done: one that ends too early aborts them."""
        if self.world > 1:
            distributed.barrier()
            distributed.destroy_process_group()


def take_place(name: str) -> Place:
    """Find this process's device, ``cpu`` or ``cuda``, and meet others that torchrun has started.

    Raises:
        TrainingError: the device is not there.
    """
    world, rank = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
    local = int(os.environ.get("LOCAL_RANK", "0"))
    if name not in ("cpu", "cuda"):
        raise TrainingError(f"device = {name!r}: choose cpu or cuda")
    if name == "cuda" and local >= torch.cuda.device_count():
        count = torch.cuda.device_count()
        raise TrainingError(f"device = 'cuda': {count} GPUs are there, process {local} needs one")
    device = torch.device(name, local) if name == "cuda" else torch.device(name)
    if name == "cpu":
        _keep_freed_memory()
    if world > 1 and not distributed.is_initialized():
        distributed.init_process_group("nccl" if name == "cuda" else "gloo")
    return Place(device, rank, world)


def _keep_freed_memory() -> None:
    """Let malloc keep what a step frees, as the next one wants just as much; glibc alone listens.

    Taking and giving back some hundred megabytes in every step is a fifth of ``r2former_tiny``'s.
    """
    try:
        set_option = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return
    set_option(_M_MMAP_MAX, 0)
    set_option(_M_TRIM_THRESHOLD, -1)
