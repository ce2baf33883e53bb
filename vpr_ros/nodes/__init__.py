# SPDX-License-Identifier: Apache-2.0
"""ROS 2 around the pipeline: topics, services, parameters, lifecycle and diagnostics."""
