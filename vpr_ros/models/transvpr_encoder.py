# SPDX-License-Identifier: Apache-2.0
"""TransVPR's encoder: a small CNN whose four scales become patch tokens, and six blocks over them.

Paper: R. Wang, Y. Shen, W. Zuo, S. Zhou, N. Zheng, "TransVPR: Transformer-Based Place Recognition
with Multi-Level Attention Aggregation", CVPR 2022, arXiv:2201.02001, section 3.1. The authors
published code and weights without a license; this is written from a description of what the
network computes. Names of modules are those of the published weights.

Shapes: B images, H x W pixels, N = (H / 16) (W / 16) patches in row-major order, 256 features.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

PATCH = 16  # pixels
WIDTH = 256  # features of a token
DEPTH = 6
_HEADS = 4
_HIDDEN = 512
_STAGES = ((3, 64, 8), (64, 128, 4), (128, 256, 2), (256, 512, 1))  # in, out, tokenizer's kernel
_DROPOUT = 0.1


def _conv_stage(inputs: int, outputs: int) -> nn.Sequential:
    """Halves the image: convolution, batch normalization, ReLU and overlapping max pooling."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(3, stride=2, padding=1),
    )


class Tokenizer(nn.Module):
    """Turns a feature map [B, C, h, w] into 64 features of every patch, [B, N, 64]."""

    def __init__(self, inputs: int, kernel: int) -> None:
        super().__init__()
        self.conv_layer = nn.Conv2d(inputs, WIDTH // len(_STAGES), kernel, stride=kernel)

    def forward(self, image: Tensor) -> Tensor:
        """Project every patch."""
        tokens: Tensor = self.conv_layer(image)
        return tokens.flatten(2).transpose(1, 2)


class Attention(nn.Module):
    """Multi-head self-attention; the first projection has no bias."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH, bias=False)
        self.proj = nn.Linear(WIDTH, WIDTH)

    def forward(self, tokens: Tensor) -> Tensor:
        """Let tokens [B, T, 256] look at each other."""
        batch, count, _ = tokens.shape
        heads = self.qkv(tokens).reshape(batch, count, 3, _HEADS, WIDTH // _HEADS)
        query, key, value = heads.permute(2, 0, 3, 1, 4).unbind(0)
        dropout = _DROPOUT if self.training else 0.0
        mixed = functional.scaled_dot_product_attention(query, key, value, dropout_p=dropout)
        projected = self.proj(mixed.transpose(1, 2).reshape(batch, count, WIDTH))
        return functional.dropout(projected, _DROPOUT, self.training)


class Block(nn.Module):
    """Self-attention and a two-layer perceptron."""

    def __init__(self, drop_path: float) -> None:
        super().__init__()
        self.pre_norm = nn.LayerNorm(WIDTH)
        self.self_attn = Attention()
        self.norm1 = nn.LayerNorm(WIDTH)
        self.linear1 = nn.Linear(WIDTH, _HIDDEN)
        self.linear2 = nn.Linear(_HIDDEN, WIDTH)
        self._drop_path = drop_path

    def forward(self, tokens: Tensor) -> Tensor:
        """Update tokens [B, T, 256].

        Unlike in the usual pre-norm block, the second normalization replaces the residual stream
        itself: the skip around the perceptron starts from normalized values. The published weights
        were trained so.
        """
        tokens = tokens + self._dropped(self.self_attn(self.pre_norm(tokens)))
        tokens = self.norm1(tokens)
        return tokens + self._dropped(self._perceptron(tokens))

    def _perceptron(self, tokens: Tensor) -> Tensor:
        hidden = functional.gelu(self.linear1(tokens))
        hidden = functional.dropout(hidden, _DROPOUT, self.training)
        return functional.dropout(self.linear2(hidden), _DROPOUT, self.training)

    def _dropped(self, branch: Tensor) -> Tensor:
        """Stochastic depth (Huang et al., ECCV 2016): drop the branch for some of the images."""
        if not self.training or self._drop_path == 0.0:
            return branch
        keep = 1.0 - self._drop_path
        kept = torch.rand(len(branch), 1, 1, device=branch.device) < keep
        return branch * kept.to(branch.dtype) / keep


class Transformer(nn.Module):
    """Six blocks over a class token and the patches; there is no position embedding."""

    def __init__(self) -> None:
        super().__init__()
        self.class_emb = nn.Parameter(torch.zeros(1, 1, WIDTH))
        self.blocks = nn.ModuleList(Block(0.1 * i / (DEPTH - 1)) for i in range(DEPTH))
        self.norm = nn.LayerNorm(WIDTH)

    def forward(self, patches: Tensor) -> list[Tensor]:
        """The normalized output of every block over patches [B, N, 256].

        All blocks share one normalization, and it works on a copy: the next block gets what
        the block before it gave.

        Returns:
            Six tensors [B, 1 + N, 256]; token 0 is the class token, which nothing here reads.
        """
        stream = torch.cat([self.class_emb.expand(len(patches), -1, -1), patches], dim=1)
        stream = functional.dropout(stream, _DROPOUT, self.training)
        levels = []
        for block in self.blocks:
            stream = block(stream)
            levels.append(self.norm(stream))
        return levels


class Encoder(nn.Module):
    """From an image to patch tokens of every level."""

    def __init__(self) -> None:
        super().__init__()
        for number, (inputs, outputs, kernel) in enumerate(_STAGES, start=1):
            self.add_module(f"conv{number}", _conv_stage(inputs, outputs))
            self.add_module(f"tokenizer{number}", Tokenizer(outputs, kernel))
        self.transformer = Transformer()
        self.apply(_initialize)

    def patch_tokens(self, image: Tensor) -> Tensor:
        """The raw tokens: 64 features of each of the CNN's scales, [B, N, 256]."""
        tokens = []
        for number in range(1, len(_STAGES) + 1):
            image = self.get_submodule(f"conv{number}")(image)
            tokens.append(self.get_submodule(f"tokenizer{number}")(image))
        return torch.cat(tokens, dim=2)


def _initialize(module: nn.Module) -> None:
    """As the authors start training; what is not named here keeps torch's own start."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight)
    elif isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
