# SPDX-License-Identifier: Apache-2.0
"""``python -m vpr_ros.benchmark``."""

import sys

from vpr_ros.benchmark.program import main

sys.exit(main())
