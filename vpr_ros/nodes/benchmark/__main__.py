# SPDX-License-Identifier: Apache-2.0
"""``python -m vpr_ros.nodes.benchmark``."""

import sys

from vpr_ros.nodes.benchmark.program import main

sys.exit(main())
