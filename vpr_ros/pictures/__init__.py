# SPDX-License-Identifier: Apache-2.0
"""Pictures for people: drawing that knows nothing of ROS."""
