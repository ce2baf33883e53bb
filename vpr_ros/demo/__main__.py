# SPDX-License-Identifier: Apache-2.0
"""``python -m vpr_ros.demo``."""

import sys

from vpr_ros.demo.program import main

sys.exit(main())
