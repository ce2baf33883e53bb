# SPDX-License-Identifier: Apache-2.0
"""The features of a data set, computed once and kept."""
