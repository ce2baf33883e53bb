# SPDX-License-Identifier: Apache-2.0
"""What describes an image: one global descriptor, local features, points for geometry."""
