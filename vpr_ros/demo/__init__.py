# SPDX-License-Identifier: Apache-2.0
"""The main job on one command: learn a route from a drive, find yourself on it in the next one."""
