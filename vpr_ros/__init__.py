# SPDX-License-Identifier: Apache-2.0
"""Visual place recognition for robots: a camera frame becomes a place, with a verdict to act on."""

import logging

logging.getLogger(__name__).addHandler(logging.NullHandler())
