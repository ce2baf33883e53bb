# SPDX-License-Identifier: Apache-2.0
"""VGG-16 up to its last convolution, the trunk of NetVLAD and of what came of it.

Paper: Karen Simonyan, Andrew Zisserman, "Very Deep Convolutional Networks for Large-Scale Image
Recognition", ICLR 2015, configuration D. The layers have the numbers that torchvision gives them,
so that its weights and those of NetVLAD's PyTorch implementations load.
"""

from __future__ import annotations

from torch import nn

STRIDE = 16  # pixels from one local feature to the next
DIM = 512  # features of a location

_POOL = 0
_LAYERS = (64, 64, _POOL, 128, 128, _POOL, 256, 256, 256, _POOL, *(512, 512, 512, _POOL) * 2)


def vgg16_conv5() -> nn.Sequential:
    """Images [B, 3, H, W] to conv5_3 [B, 512, H // 16, W // 16], not trained.

    NetVLAD cuts before the last rectifier and the last pooling: features may be negative.
    """
    layers: list[nn.Module] = []
    channels = 3
    for width in _LAYERS:
        if width == _POOL:
            layers.append(nn.MaxPool2d(2))
        else:
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
            channels = width
    return nn.Sequential(*layers[:-2])
