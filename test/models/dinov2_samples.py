# SPDX-License-Identifier: Apache-2.0
"""Generated weights of DINOv2 with the keys and shapes of Meta's files; needs PyTorch."""

import torch

DIM = 384  # of the small network


def official_state(registers):
    """A state dict with Meta's keys and shapes; values that no initialization gives."""
    torch.manual_seed(5)
    state = {
        "cls_token": torch.randn(1, 1, DIM),
        "pos_embed": torch.randn(1, 1370, DIM) / 10,
        "mask_token": torch.zeros(1, DIM),
        "patch_embed.proj.weight": torch.randn(DIM, 3, 14, 14) / 30,
        "patch_embed.proj.bias": torch.randn(DIM) / 10,
        "norm.weight": 1 + torch.randn(DIM) / 10,
        "norm.bias": torch.randn(DIM) / 10,
    }
    if registers:
        state["register_tokens"] = torch.randn(1, 4, DIM)
    shapes = {
        **{"norm1.weight": (DIM,), "norm1.bias": (DIM,)},
        **{"attn.qkv.weight": (3 * DIM, DIM), "attn.qkv.bias": (3 * DIM,)},
        **{"attn.proj.weight": (DIM, DIM), "attn.proj.bias": (DIM,), "ls1.gamma": (DIM,)},
        **{"norm2.weight": (DIM,), "norm2.bias": (DIM,), "ls2.gamma": (DIM,)},
        **{"mlp.fc1.weight": (4 * DIM, DIM), "mlp.fc1.bias": (4 * DIM,)},
        **{"mlp.fc2.weight": (DIM, 4 * DIM), "mlp.fc2.bias": (DIM,)},
    }
    for block in range(12):
        for name, shape in shapes.items():
            state[f"blocks.{block}.{name}"] = torch.randn(shape) * DIM**-0.5
    return state
