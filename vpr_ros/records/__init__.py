# SPDX-License-Identifier: Apache-2.0
"""Answered images kept as files."""
