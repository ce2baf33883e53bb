# SPDX-License-Identifier: Apache-2.0
"""The line from image to verdict as commands, without ROS: one file per verb."""
