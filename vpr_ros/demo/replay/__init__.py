# SPDX-License-Identifier: Apache-2.0
"""A recorded drive as live topics."""
