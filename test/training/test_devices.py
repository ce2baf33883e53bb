# SPDX-License-Identifier: Apache-2.0
"""One process or several: what they compute together, and what is refused."""

import os
import socket
import subprocess
import sys

import pytest
import torch

from vpr_ros.errors import TrainingError
from vpr_ros.training.devices import take_place

PROGRAM = """
import os
import torch
from vpr_ros.training.devices import take_place

place = take_place("cpu")
weight = torch.nn.Parameter(torch.full((2,), float(place.rank)))
(weight * (1.0 + place.rank)).sum().backward()
place.average_gradients([weight])
place.as_first([weight.data])
assert place.told_by_first(3 + place.rank) == 3
assert weight.grad.tolist() == [1.5, 1.5], weight.grad
assert weight.tolist() == [0.0, 0.0], weight
assert place.is_first == (os.environ["RANK"] == "0")
place.leave()
assert not torch.distributed.is_initialized()
"""


def test_two_processes_average_their_gradients():
    """Started as torchrun starts them."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    shared = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    command = [sys.executable, "-c", PROGRAM]
    processes = [
        subprocess.Popen(command, env={**os.environ, **shared, "RANK": rank, "LOCAL_RANK": rank})
        for rank in ("0", "1")
    ]
    try:
        assert [process.wait(timeout=120) for process in processes] == [0, 0]
    finally:
        for process in processes:
            process.kill()
            process.wait()


def test_one_process():
    place = take_place("cpu")
    assert (place.rank, place.world, place.is_first) == (0, 1, True)
    weight = torch.nn.Parameter(torch.ones(1))
    weight.sum().backward()
    place.average_gradients([weight])
    assert place.told_by_first(7) == 7
    place.leave()
    assert float(weight.grad) == 1.0


def test_devices_that_are_not_there():
    with pytest.raises(TrainingError, match="device = 'tpu': choose cpu or cuda"):
        take_place("tpu")
    if not torch.cuda.is_available():
        with pytest.raises(TrainingError, match="0 GPUs are there, process 0 needs one"):
            take_place("cuda")
