# SPDX-License-Identifier: Apache-2.0
"""Matrix products on one thread: small ones gain nothing from threads that wait for each other."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any


def blas_limit() -> Callable[[], AbstractContextManager[Any]]:
    """What keeps matrix products to one thread, where the library for it is installed."""
    try:
        from threadpoolctl import ThreadpoolController
    except ImportError:  # slower on a busy machine, and nothing else
        return nullcontext
    return partial(ThreadpoolController().limit, limits=1, user_api="blas")
