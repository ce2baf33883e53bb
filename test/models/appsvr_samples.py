# SPDX-License-Identifier: Apache-2.0
"""Seeded weights of APPSVR and NetVLAD; needs PyTorch."""

import torch

from vpr_ros.models.appsvr import DIM, Appsvr, Sizes

SMALL = Sizes(clusters=6, shadows=2, levels=3, whitened=24)


def filled(sizes=SMALL, seed=0, num_local=40):
    """A network whose every weight matters: attention is far from uniform."""
    torch.manual_seed(seed)
    network = Appsvr(sizes, num_local)
    with torch.no_grad():
        for name, weight in network.named_parameters():
            if name in ("refinement.nearness.weight", "pyramid.scorers"):
                weight.normal_(0, 3.0)
            elif name == "centroids":
                weight.normal_(0, DIM**-0.5)
            elif name == "cluster_weights":
                weight.uniform_(0.5, 1.5)
    return network.eval()


def netvlad_state(clusters=6, whitened=0):
    """A state dict with the keys of NetVLAD's PyTorch implementations."""
    torch.manual_seed(1)
    made = filled(Sizes(clusters, 0, 0, 0))
    state = {f"encoder.{key}": value for key, value in made.encoder.state_dict().items()}
    state["pool.conv.weight"] = 5 * torch.randn(clusters, DIM, 1, 1)
    state["pool.centroids"] = torch.randn(clusters, DIM) * DIM**-0.5
    if whitened:
        state["WPCA.0.weight"] = torch.randn(whitened, clusters * DIM, 1, 1)
        state["WPCA.0.bias"] = torch.randn(whitened)
    return state
