# SPDX-License-Identifier: Apache-2.0
"""Networks that come with the package, trained by it: their files, wherever it is installed."""

from __future__ import annotations

from pathlib import Path

from vpr_ros.errors import WeightsError

SHIPPED = {"r2former_tiny": "r2former_tiny_192x256_fp16.onnx"}  # method -> file of its extractor


def shipped_file(method: str) -> Path | None:
    """The exported network that comes with the package; None for methods that have none.

    Raises:
        WeightsError: the package is not whole: its file is missing.
    """
    if method not in SHIPPED:
        return None
    path = _share() / "weights" / SHIPPED[method]
    if not path.is_file():
        raise WeightsError(
            f"{path} is missing, which comes with vpr_ros for the method {method}: build and "
            "install the package again, or name another file in network.weights"
        )
    return path


def _share() -> Path:
    """The folder of the package's files: the checkout, or ``share/vpr_ros`` where it is installed.

    An installed module is ``PREFIX/lib/pythonX.Y/site-packages/vpr_ros/models/shipped.py`` in a
    workspace, a virtual environment and ``/opt/ros`` alike; links of ``colcon build
    --symlink-install`` lead to the checkout.
    """
    package = Path(__file__).resolve().parents[1]
    checkout = package.parent
    if (checkout / "setup.py").is_file():
        return checkout
    libraries = checkout.parents
    return (libraries[2] if len(libraries) > 2 else checkout) / "share" / "vpr_ros"
