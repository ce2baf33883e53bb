# SPDX-License-Identifier: Apache-2.0
"""Recorded drives as frames, and judges of the answers to them; nothing here needs ROS."""
