# SPDX-License-Identifier: Apache-2.0
"""What the nodes show people: markers, pictures, records."""
