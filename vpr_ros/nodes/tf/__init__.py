# SPDX-License-Identifier: Apache-2.0
"""Poses from TF, and the broadcast of map to odom."""
