# SPDX-License-Identifier: Apache-2.0
"""How fast, how lossless and how frugal: ``python -m vpr_ros.benchmark``."""
