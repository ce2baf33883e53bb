# SPDX-License-Identifier: Apache-2.0
"""Gives the tests of this folder bags."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from recorded import bags  # noqa: F401
