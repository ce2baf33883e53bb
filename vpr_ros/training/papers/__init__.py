# SPDX-License-Identifier: Apache-2.0
"""What only the published recipes need."""
