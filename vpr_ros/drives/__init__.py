# SPDX-License-Identifier: Apache-2.0
"""Recorded drives: bags and folders of images as one stream of frames."""
