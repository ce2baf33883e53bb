# SPDX-License-Identifier: Apache-2.0
"""Networks that come with the package, trained by it: their files, wherever it is installed."""

from __future__ import annotations

from pathlib import Path

FOLDER = "weights"
SHIPPED = {"r2former_tiny": "r2former_tiny_192x256_fp16.onnx"}  # method -> file of its extractor


def shipped_file(method: str) -> Path | None:
    """The exported network that comes with the package; None for methods that have none.

    It lies in the source tree, or in the share folder of wherever the package is installed.
    """
    name = SHIPPED.get(method)
    if name is None:
        return None
    above = Path(__file__).resolve().parents
    tried = [
        folder / name
        for each in above
        for folder in (each / FOLDER, each / "share" / "vpr_ros" / FOLDER)
    ]
    return next((path for path in tried if path.is_file()), None)
