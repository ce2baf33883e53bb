# SPDX-License-Identifier: Apache-2.0
"""The papers' own figures, to be read beside one's own."""
