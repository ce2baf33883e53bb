# SPDX-License-Identifier: Apache-2.0
"""What tells one map from all others, wherever its file lies: a uuid that the file carries."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable

_MAPS = uuid.UUID("6d1f1c0e-8b0c-5d54-9a53-7670726d6170")  # the namespace of derived ones


def new_uuid() -> str:
    """One that no other map has."""
    return str(uuid.uuid4())


def derived_uuid(facts: Iterable[object]) -> str:
    """The same for the same facts: two robots that hold copies of an old map agree on its name.

    Args:
        facts: what makes the map this one; numbers, texts and bytes.
    """
    digest = hashlib.sha256()
    for fact in facts:
        digest.update(repr(fact).encode() + b"\n")
    return str(uuid.uuid5(_MAPS, digest.hexdigest()))
