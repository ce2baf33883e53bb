# SPDX-License-Identifier: Apache-2.0
"""Results of evaluations for people and programs: one self-contained web page, and JSON."""
