# SPDX-License-Identifier: Apache-2.0
"""Transformer blocks, and how to compute only what is read of them.

The blocks are timm's (Wightman, "PyTorch Image Models"): pre-norm, exact GELU, query, key and value
packed into one projection. The functions here run such a block with its own weights, yet leave
out outputs that nobody reads, or lay the tokens out so that tiny sequences are fast.

Shapes: B sequences, T tokens, D features, H heads.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple, cast

import torch
from timm.models.vision_transformer import Block
from torch import Tensor, nn
from torch.nn import functional

LAYER_NORM_EPSILON = 1e-6  # torch's own default is 1e-5


class _Projections(NamedTuple):
    """How a block makes queries, keys and values; weight and bias each."""

    heads: int
    scale: float  # of the products of queries and keys
    query: tuple[Tensor, Tensor]  # [D, D], [D]
    key_value: tuple[Tensor, Tensor]  # [2 D, D], [2 D]


def layer_norm(dim: int) -> nn.LayerNorm:
    """A layer normalization as published vision transformers use it."""
    return nn.LayerNorm(dim, eps=LAYER_NORM_EPSILON)


def blocks(count: int, dim: int, heads: int) -> nn.ModuleList:
    """Transformer blocks of width D whose perceptrons are four times as wide."""
    norm: Any = partial(nn.LayerNorm, eps=LAYER_NORM_EPSILON)
    return nn.ModuleList(
        Block(dim, heads, mlp_ratio=4.0, qkv_bias=True, norm_layer=norm) for _ in range(count)
    )


def update_first(module: nn.Module, tokens: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Run a block for the first tokens alone: the last block, where only those are read.

    All tokens [B, T, D] are keys and values; queries, projection and perceptron are those of a few.

    Returns:
        The first ``count`` tokens after the block [B, count, D], and what they attend to
        [B, H, count, T], each row of sum 1.
    """
    block = cast(Block, module)
    by = _projections(block)
    normed = block.norm1(tokens)
    query = _heads(functional.linear(normed[:, :count], *by.query), by.heads)
    key, value = (
        _heads(half, by.heads) for half in functional.linear(normed, *by.key_value).chunk(2, dim=-1)
    )
    attention = (query * by.scale @ key.transpose(-2, -1)).softmax(dim=-1)
    mixed = (attention @ value).transpose(1, 2).flatten(2)
    return _finish(block, tokens[:, :count], mixed), attention


def update_groups(module: nn.Module, tokens: Tensor, count: int) -> Tensor:
    """Run a block over very many tiny sequences, for the first tokens of each.

    A matrix product for each sequence and head would spend its time on starting: 400,000 products
    of 6 x 8 by 8 x 6 for a hundred pairs of images. So the sequences lie along the last axis,
    where products and sums run over whole vectors of them. Projecting from and to that layout
    costs no copy.

    Returns:
        The first ``count`` of tokens [T, G, D] of G sequences after the block, [count, G, D].
    """
    block = cast(Block, module)
    by = _projections(block)
    normed = block.norm1(tokens)
    query = _features_first(normed[:count], *by.query, by.heads) * by.scale
    key, value = _features_first(normed, *by.key_value, 2 * by.heads).chunk(2)
    logits = (query.unsqueeze(3) * key.unsqueeze(2)).sum(dim=1)  # [H, count, T, G]
    attention = logits.softmax(dim=2)
    mixed = (attention.unsqueeze(1) * value.unsqueeze(2)).sum(dim=3)  # [H, D / H, count, G]
    return _finish(block, tokens[:count], mixed.flatten(0, 1).permute(1, 2, 0))


def _projections(block: Block) -> _Projections:
    attention: Any = block.attn  # torch calls the parts of a module Tensor or Module
    weight, bias = attention.qkv.weight, attention.qkv.bias
    dim = attention.qkv.in_features
    return _Projections(
        attention.num_heads,
        attention.scale,
        (weight[:dim], bias[:dim]),
        (weight[dim:], bias[dim:]),
    )


def _heads(features: Tensor, heads: int) -> Tensor:
    """[B, T, D] as [B, H, T, D / H]."""
    batch, count, _ = features.shape
    return features.reshape(batch, count, heads, -1).transpose(1, 2)


def _features_first(tokens: Tensor, weight: Tensor, bias: Tensor, heads: int) -> Tensor:
    """Project tokens [T, G, D] to [H, D / H, T, G]."""
    count, groups, _ = tokens.shape
    projected = torch.addmm(bias.unsqueeze(1), weight, tokens.flatten(0, 1).T)
    return projected.reshape(heads, -1, count, groups)


def _finish(block: Block, tokens: Tensor, mixed: Tensor) -> Tensor:
    """What follows the attention: projection, perceptron and the two skips."""
    attention: Any = block.attn
    tokens = tokens + attention.proj(mixed)
    updated: Tensor = tokens + block.mlp(block.norm2(tokens))
    return updated
