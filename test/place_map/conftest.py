# SPDX-License-Identifier: Apache-2.0
"""Lets the tests of this folder, and the processes they start, import ``map_samples``."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
