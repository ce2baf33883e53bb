# SPDX-License-Identifier: Apache-2.0
"""Memory of a process that lives for days: not kept for threads that are gone."""

from __future__ import annotations

import ctypes

_M_ARENA_MAX = -8  # of malloc.h
_ARENAS = 2  # one for the thread that works, one for all others


def share_arenas() -> bool:
    """Let all threads allocate from a few arenas; False where the C library is not glibc.

    glibc gives new threads arenas of their own, up to eight for each core, and keeps what the dead
    ones used. Each activation of a node starts a thread that works on hundreds of megabytes of
    features, so a node that is taken down and up again would grow each time.
    """
    try:
        set_option = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return bool(set_option(_M_ARENA_MAX, _ARENAS))
