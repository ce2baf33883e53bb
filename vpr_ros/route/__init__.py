# SPDX-License-Identifier: Apache-2.0
"""One step of a robot on its route: answer, keep a keyframe, close a loop."""
