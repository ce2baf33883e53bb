# SPDX-License-Identifier: Apache-2.0
"""Images that are only numbers, and what describes them: it counts them."""

import numpy as np

from vpr_ros.datatypes import Features, LocalFeatures, ModelSpec
from vpr_ros.errors import ImageError

DIM, LOCAL_DIM = 24, 8


class NumberedImages:
    """Image i is 4 x 4 pixels of the values (i, seed); ``broken`` ones cannot be read."""

    def __init__(self, count, seed=0, broken=()):
        self.names = [f"{seed}/{index:05}.png" for index in range(count)]
        self.seed, self.broken, self.read_count = seed, set(broken), 0

    def read(self, index):
        if index in self.broken:
            raise ImageError(f"{self.names[index]}: no image")
        self.read_count += 1
        image = np.zeros((4, 4, 3), np.uint8)
        image[0, 0] = index % 256, index // 256, self.seed
        return image


class NumberExtractor:
    """Random features that depend on the pixels alone."""

    description = "random numbers"

    def __init__(self, version="1"):
        self.spec = ModelSpec("numbers", "", 4, 4, (), (), DIM, LOCAL_DIM, "fp32", version)
        self.count = 0

    def extract(self, image):
        self.count += 1
        random = np.random.default_rng(image[0, 0].tolist())
        descriptor = random.standard_normal(DIM).astype(np.float32)
        rows = int(random.integers(0, 5))
        local = LocalFeatures(
            random.random((rows, 2), np.float32) * 4,
            random.random(rows, np.float32),
            random.standard_normal((rows, LOCAL_DIM)).astype(np.float32),
            (4, 4),
        )
        return Features(descriptor / np.linalg.norm(descriptor), local)
