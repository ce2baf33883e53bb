# SPDX-License-Identifier: Apache-2.0
"""R2Former in a process of its own: time, memory and results of one image or 100 candidates.

    python tools/bench/r2former.py ours
    python tools/bench/r2former.py published CHECKOUT [PACKAGES]
    python tools/bench/r2former.py published-extractor CHECKOUT [PACKAGES]

CHECKOUT is the folder of github.com/bytedance/R2Former, PACKAGES one with the timm 0.5.4 that it
asks for. All run with generated weights on two threads. Prints a JSON object.
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
from r2former_samples import RERANKER, local_features, noise, weight

UNUSED = (  # modules that the published code imports, and that nothing here uses
    *("einops", "google_drive_downloader", "matplotlib", "matplotlib.pyplot"),
    *("scipy", "scipy.ndimage", "transformers"),
)
CANDIDATES = 100
THREADS = 2
TIMES = 5


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
    return lambda: [each.score for each in reranker.compare(images[0], images[1:])]


def published(checkout, packages=""):
    """The authors' reranker, all candidates in one batch as their evaluation does it."""
    torch = _torch_with(checkout, packages)
    network = _filled(torch, _published_reranker(torch), RERANKER)
    rows, descriptors = (torch.from_numpy(each) for each in local_features(CANDIDATES + 1))

    def score():
        query = descriptors[:1].repeat(CANDIDATES, 1), rows[:1].repeat(CANDIDATES, 1, 1)
        with torch.inference_mode():
            logits, _ = network(*query, descriptors[1:], rows[1:])
            return logits.softmax(dim=1)[:, 1].tolist()

    return score


def published_extractor(checkout, packages=""):
    """The authors' network that describes one image."""
    torch = _torch_with(checkout, packages)
    network = _filled(torch, _published_extractor(), "")
    values = torch.from_numpy(noise(480, 640, batch=1))

    def describe():
        with torch.inference_mode():
            return network(values)[0][0].tolist()

    return describe


def _torch_with(checkout, packages):
    """PyTorch, ready for the authors' modules to be imported."""
    sys.path[:0] = [checkout, *filter(None, [packages])]
    import torch

    class Absent(types.ModuleType):
        """What the code imports and does not use here."""

        def __getattr__(self, name):
            return Absent(name)

    torch.set_num_threads(THREADS)
    importlib.import_module("timm")  # before the checkout's own modules stand in its way
    for name in UNUSED:
        sys.modules[name] = Absent(name)
    torch.Tensor.cuda = lambda tensor, *_, **__: tensor  # it asks for a GPU in passing
    # The package's own beginning imports all that training needs.
    sys.modules["model"] = package = types.ModuleType("model")
    package.__path__ = [f"{checkout}/model"]
    return torch


def _published_extractor():
    network = importlib.import_module("model.network")
    # Weights are generated, not downloaded.
    make = partial(network.deit_small_distilled_patch16_224, pretrained=False)
    network.deit_small_distilled_patch16_224 = make
    options = {"backbone": "deit", "resize": [480, 640], "fc_output_dim": 256, "local_dim": 128}
    options |= {"num_local": 500, "hypercolumn": 0, "rerank_model": "r2former", "finetune": 1}
    return network.GeoLocalizationNetRerank(types.SimpleNamespace(**options))


def _published_reranker(torch):
    return importlib.import_module("model.R2Former").R2Former(
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


def _filled(torch, network, prefix):
    """With generated weights; keys of the reranker in a file begin with a prefix."""
    state = network.state_dict()
    for key, value in state.items():
        made = weight(prefix + key, tuple(value.shape))
        if made is not None:
            state[key] = torch.from_numpy(made)
    network.load_state_dict(state)
    return network.eval()


def _peak_mb():
    """Most memory this process had; getrusage would count the parent's, too."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def main(kind, *arguments):
    run = {"ours": ours, "published": published, "published-extractor": published_extractor}
    work = run[kind](*arguments)
    seconds = []
    for _ in range(1 if kind == "published" else TIMES):
        start = time.monotonic()
        values = work()
        seconds.append(time.monotonic() - start)
    report = {"seconds": float(np.median(seconds)), "peak_mb": _peak_mb(), "values": values}
    sys.stdout.write(json.dumps(report) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
