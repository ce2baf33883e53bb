# SPDX-License-Identifier: Apache-2.0
"""``python -m vpr_ros``: the command line."""

import sys

from vpr_ros.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
