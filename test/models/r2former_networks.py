# SPDX-License-Identifier: Apache-2.0
"""R2Former's networks with generated weights; needs PyTorch."""

import torch
from r2former_samples import RERANKER, weight

from vpr_ros.models.r2former_reranker import RerankerNetwork


def filled(network, prefix="", resnet=False):
    """Give a network the weights that the golden numbers were made with."""
    state = network.state_dict()
    for key, value in state.items():
        made = weight(prefix + key, tuple(value.shape), resnet)
        if made is not None:
            state[key] = torch.from_numpy(made)
    network.load_state_dict(state)
    return network.eval()


def filled_reranker():
    return filled(RerankerNetwork(), RERANKER)
