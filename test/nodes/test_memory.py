# SPDX-License-Identifier: Apache-2.0
"""Threads that come and go leave no memory behind."""

import platform
import subprocess
import sys

import pytest

# Each thread fills memory with small blocks and keeps every other one, as caches do.
COUNT_ARENAS = """
import ctypes, sys, threading
if sys.argv[1] == "shared":
    from vpr_ros.nodes.memory import share_arenas
    assert share_arenas()

held, gate = [], threading.Barrier(8)

def work():
    gate.wait()  # all at once: each wants an arena that no other thread uses
    held.append([bytes(5000) for _ in range(2000)])
    gate.wait()

threads = [threading.Thread(target=work) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
ctypes.CDLL(None).malloc_stats()
"""


def arenas(how):
    words = [sys.executable, "-c", COUNT_ARENAS, how]
    told = subprocess.run(words, check=True, capture_output=True, text=True, timeout=60).stderr
    return told.count("Arena ")


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries have no arenas")
def test_threads_share_a_few_arenas():
    assert arenas("shared") <= 2 < arenas("own")
