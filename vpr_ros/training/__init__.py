# SPDX-License-Identifier: Apache-2.0
"""Training networks on a workstation, by the papers' recipes and on photos without labels.

A recipe (``config/train/*.yaml``) lists stages; each stage is a task, what a step of it minimizes,
and its numbers. One loop runs them all and can be killed at any time. Robots never import this.
"""
