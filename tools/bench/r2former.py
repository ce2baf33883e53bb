# SPDX-License-Identifier: Apache-2.0
"""One reranking of 100 candidates by R2Former, in a process of its own: time, memory and scores.

    python tools/bench/r2former.py ours
    python tools/bench/r2former.py published CHECKOUT [PACKAGES]

CHECKOUT is the folder of github.com/bytedance/R2Former, PACKAGES one with the timm 0.5.4 that it
asks for. Both run with generated weights on two threads. Prints a JSON object.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
import types
from functools import partial
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2] / "test" / "models"))
from r2former_samples import RERANKER, local_features, weight

CANDIDATES = 100
THREADS = 2
TIMES = 3


def ours():
    """The station of the pipeline, as ``vpr_ros.pipeline`` sets it up on a CPU."""
    from r2former_networks import filled_reranker

    from vpr_ros.backends import BackendOptions
    from vpr_ros.backends.torch_backend import TorchBackend
    from vpr_ros.datatypes import Features, LocalFeatures
    from vpr_ros.models import NETWORKS
    from vpr_ros.rerankers.r2former import R2FormerReranker

    spec, size = NETWORKS["r2former_reranker"].spec, (640, 480)
    backend = TorchBackend(filled_reranker(), spec, BackendOptions(threads=1))
    reranker = R2FormerReranker(backend, size, batch=4, threads=THREADS)
    images = [
        Features(descriptor, LocalFeatures(rows[:, :2] * 640, rows[:, 2], rows[:, 3:], size))
        for rows, descriptor in zip(*local_features(CANDIDATES + 1), strict=True)
    ]
    return lambda: [each.score for each in reranker.score(images[0], images[1:])]


def published(checkout, packages=""):
    """The authors' network, all candidates in one batch as their evaluation does it."""
    sys.path[:0] = [checkout, *filter(None, [packages])]
    import torch

    torch.set_num_threads(THREADS)
    importlib.import_module("timm")  # before the checkout's own modules stand in its way
    network = _published_network(torch, checkout)
    rows, descriptors = (torch.from_numpy(each) for each in local_features(CANDIDATES + 1))

    def score():
        query = descriptors[:1].repeat(CANDIDATES, 1), rows[:1].repeat(CANDIDATES, 1, 1)
        with torch.inference_mode():
            logits, _ = network(*query, descriptors[1:], rows[1:])
            return logits.softmax(dim=1)[:, 1].tolist()

    return score


def _published_network(torch, checkout):
    class Absent(types.ModuleType):
        """What the code imports and a reranking does not use."""

        def __getattr__(self, name):
            return Absent(name)

    for name in ("matplotlib", "matplotlib.pyplot"):
        sys.modules[name] = Absent(name)
    torch.Tensor.cuda = lambda tensor, *_, **__: tensor  # it asks for a GPU in passing
    # The package's own beginning imports all that training needs.
    sys.modules["model"] = package = types.ModuleType("model")
    package.__path__ = [f"{checkout}/model"]
    network = importlib.import_module("model.R2Former").R2Former(
        img_size=(480, 640),
        decoder_depth=6,
        decoder_embed_dim=32,
        decoder_num_heads=4,
        decoder_mlp_ratio=4,
        decoder_norm_layer=partial(torch.nn.LayerNorm, eps=1e-6),
        num_classes=2,
        num_patches=1000,
        num_corr=5,
    )
    state = network.state_dict()
    for key, value in state.items():
        made = weight(RERANKER + key, tuple(value.shape))
        if made is not None:
            state[key] = torch.from_numpy(made)
    network.load_state_dict(state)
    return network.eval()


def _peak_mb():
    """Most memory this process had; getrusage would count the parent's, too."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def main(kind, *arguments):
    score = {"ours": ours, "published": published}[kind](*arguments)
    seconds = []
    for _ in range(TIMES if kind == "ours" else 1):
        start = time.monotonic()
        scores = score()
        seconds.append(time.monotonic() - start)
    report = {"seconds": float(np.median(seconds)), "peak_mb": _peak_mb(), "scores": scores}
    sys.stdout.write(json.dumps(report) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
