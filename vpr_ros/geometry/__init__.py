# SPDX-License-Identifier: Apache-2.0
"""Poses and rigid transforms."""
