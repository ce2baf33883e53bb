# SPDX-License-Identifier: Apache-2.0
"""Comparing the local features of a query with those of its candidates."""
