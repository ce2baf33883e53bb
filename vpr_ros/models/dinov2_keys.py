# SPDX-License-Identifier: Apache-2.0
"""DINOv2's weights by the keys of timm's vision transformers, whoever wrote the file.

Meta's own files (github.com/facebookresearch/dinov2) and timm's hold the same numbers. They differ
in a token that only training masks patches with, in the name of the register tokens and, where
there are such, in where the class token's position is kept.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

PREFIX = "vit."  # of the backbone, in this package's own files
_SIGN = "blocks.0.ls1.gamma"  # layer scale, at the top of a file
_MASK = "mask_token"
_REGISTERS = "register_tokens"


def from_dinov2(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A file of DINOv2, by Meta or timm, as the backbone ``vit.``; other files as they are."""
    if _SIGN not in tensors:
        return dict(tensors)
    return {PREFIX + key: value for key, value in _with_timm_keys(tensors).items()}


def _with_timm_keys(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    state = {key: value for key, value in tensors.items() if key != _MASK}
    if not {_REGISTERS, "cls_token", "pos_embed"} <= set(state):
        return state
    # Registers have no position. timm keeps positions of patches alone beside them, so the class
    # token's is added to the token itself.
    positions = state["pos_embed"]
    state["reg_token"] = state.pop(_REGISTERS)
    state["cls_token"] = state["cls_token"] + positions[:, :1]
    state["pos_embed"] = positions[:, 1:]
    return state
