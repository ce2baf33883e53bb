# SPDX-License-Identifier: Apache-2.0
"""Where images were truly taken: trajectories of bags and files, looked up at their stamps."""
