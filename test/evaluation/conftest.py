# SPDX-License-Identifier: Apache-2.0
"""Gives the tests of this folder bags, and the helpers that they share."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "drives"))

from recorded import bags  # noqa: F401
