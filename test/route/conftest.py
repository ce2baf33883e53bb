# SPDX-License-Identifier: Apache-2.0
"""Lets tests import the robots beside them, and the worlds of those of geometry."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "geometry"))
sys.path.insert(0, str(Path(__file__).parent))
