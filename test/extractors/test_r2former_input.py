# SPDX-License-Identifier: Apache-2.0
"""R2Former's published preprocessing, without PyTorch."""

from pathlib import Path

import numpy as np
import pytest

from vpr_ros.extractors.network import NetworkExtractor
from vpr_ros.models import NETWORKS

GOLDEN = np.load(Path(__file__).parents[1] / "data" / "r2former.npz")


class Ear:
    """A network that only listens."""

    spec = NETWORKS["r2former"].spec
    description = "an ear"

    def run(self, inputs):
        self.heard = inputs["image"]
        return {
            "global_descriptor": np.ones((1, 256), np.float32),
            "local_features": np.zeros((1, 1, 131), np.float32),
        }


@pytest.mark.parametrize(("case", "antialias"), [("eval", False), ("train", True)])
def test_network_input_is_the_published_one(case, antialias):
    random = np.random.Generator(np.random.PCG64(99))
    ear = Ear()
    extractor = NetworkExtractor(ear, antialias=antialias)
    extractor.extract(random.integers(0, 256, (600, 800, 3), dtype=np.uint8))
    assert ear.heard.shape == (1, 3, 480, 640)
    corner = GOLDEN[f"prep_{case}_corner4x4"]
    np.testing.assert_allclose(ear.heard[0, :, :4, :4], corner, rtol=0, atol=1e-5)
    found = (ear.heard.mean(dtype=np.float64), ear.heard.std(dtype=np.float64))
    np.testing.assert_allclose(found, GOLDEN[f"prep_{case}_meanstd"], rtol=0, atol=1e-5)
