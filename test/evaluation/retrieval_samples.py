# SPDX-License-Identifier: Apache-2.0
"""Images that are only numbers, and what describes them: it counts them."""

import math

import cv2
import numpy as np

from vpr_ros.datatypes import Features, LocalFeatures, ModelSpec, Pose
from vpr_ros.errors import ImageError
from vpr_ros.evaluation.metrics.rankings import counted_queries, first_hits, hits_within
from vpr_ros.evaluation.retrieval_set import Relevance, RetrievalSet

DIM, LOCAL_DIM = 24, 8


def recall_at(rankings, relevance, counts, panorama_of=None):
    """Part of the queries that count with a right answer among their first N, for each N."""
    hits = first_hits(rankings, relevance, panorama_of)
    counted = counted_queries(relevance)
    return {count: hits_within(hits, count)[counted].mean() for count in counts}


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


class DrawnImages:
    """Views of one long wall, a step apart; a query's are shifted, dimmer and noisy."""

    WIDTH, HEIGHT, STEP = 96, 72, 30

    def __init__(self, count, shift=0, light=1.0, seed=5, broken=()):
        self.names = [f"<view {index}> & {shift}.png" for index in range(count)]
        self.broken, self.read_count = set(broken), 0
        self._shift, self._light, self._seed = shift, light, seed
        self._wall = drawn_wall(seed, self.WIDTH + self.STEP * 24, self.HEIGHT)

    def read(self, index):
        self.read_count += 1
        if index in self.broken:
            raise ImageError(f"{self.names[index]}: no image")
        left = self.STEP * index + self._shift
        view = self._wall[:, left : left + self.WIDTH]
        noise = np.random.default_rng([self._seed, index]).normal(0.0, 9.0, view.shape)
        return np.clip(self._light * view + self._shift * noise / 10, 0, 255).astype(np.uint8)


def drawn_wall(seed, width, height):
    random = np.random.default_rng(seed)
    wall = np.full((height, width, 3), 128, np.uint8)
    for _ in range(width * 2):
        x, y = int(random.integers(width)), int(random.integers(height))
        size = tuple(int(value) for value in random.integers(2, 12, 2))
        color = tuple(int(value) for value in random.integers(0, 255, 3))
        cv2.ellipse(wall, (x, y), size, float(random.integers(180)), 0, 360, color, -1)
    return wall


def pose_at(x, y=0.0, heading=0.0):
    return Pose((x, y, 0.0), (0.0, 0.0, math.sin(heading / 2), math.cos(heading / 2)), "map")


def drawn_set(itself=False, broken_database=(), broken_queries=(), shift=7, size=20):
    """Views of a wall, and queries for three in five of them; query i shows image i alone."""
    database = DrawnImages(size, broken=broken_database)
    queries = database if itself else DrawnImages(3 * size // 5, shift, 0.7, broken=broken_queries)
    positives = tuple(np.array([index]) for index in range(len(queries.names)))
    return RetrievalSet(
        "a wall <&>",
        database,
        queries,
        {"drawn": Relevance(positives)},
        database_poses=tuple(pose_at(2.0 * index) for index in range(size)),
        query_poses=tuple(pose_at(2.0 * index, 0.5) for index in range(len(queries.names))),
    )
