# SPDX-License-Identifier: Apache-2.0
"""``python -m vpr_ros.nodes.demo``."""

import sys

from vpr_ros.nodes.demo.program import main

sys.exit(main())
