# SPDX-License-Identifier: Apache-2.0
"""The checksums of rows; ``schema.py`` says what is in them."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from typing import Any

from vpr_ros.errors import MapError
from vpr_ros.place_map.codec import HEADER


def row_crc(*values: Any) -> int:
    """The CRC-32 of a row's other values; blobs by what ``stands_for`` says."""
    return zlib.crc32(json.dumps(values).encode())


def stands_for(blob: object) -> str:
    """What stands for a blob with a header in its row's checksum."""
    return bytes(blob[: HEADER.size]).hex() if isinstance(blob, bytes) else ""


def checked(row: Sequence[Any], what: str) -> Sequence[Any]:
    """The row without its last value, which must be its checksum.

    Raises:
        MapError: it is not; ``what`` names the row.
    """
    *values, crc = row
    if row_crc(*values) != crc:
        raise MapError(f"{what}: damaged (the checksum differs): restore a copy of the map")
    return values
