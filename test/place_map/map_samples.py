# SPDX-License-Identifier: Apache-2.0
"""Keyframes that can be made again from their number, and a process that maps them.

``python map_samples.py VERB PATH SEED`` runs one of the VERBS below until it is killed.
"""

import os
import random
import subprocess
import sys
from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np

import vpr_ros
from vpr_ros.datatypes import (
    Camera,
    Features,
    Keyframe,
    LocalFeatures,
    ModelSpec,
    Pose,
)
from vpr_ros.place_map import PlaceMap

SPEC = ModelSpec(
    method="test_method",
    weights_sha256="",
    input_height=64,
    input_width=128,
    mean=(0.5, 0.25, 0.125),
    std=(1.0, 1.0, 1.0),
    global_dim=16,
    local_dim=8,
    precision="float32",
    exporter_version="1",
    settings={"cells": 9.0},
)
REAL_SPEC = replace(SPEC, global_dim=3780, local_dim=128)
CAMERA = Camera(640, 480, (500.0, 0, 320, 0, 500, 240, 0, 0, 1), "plumb_bob", (0.1, 0, 0, 0, 0))


def unit(vector):
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def make_keyframe(number, spec=SPEC, points=5, pose=True):
    """Make the same keyframe for the same number; it can be told by its stamp."""
    rng = np.random.default_rng(number)
    global_descriptor = unit(rng.standard_normal(spec.global_dim))
    local = LocalFeatures(
        keypoints=rng.random((points, 2), np.float32) * 100,
        scores=rng.random(points, np.float32),
        descriptors=rng.random((points, spec.local_dim), np.float32),
        image_size=(1241, 376),
    )
    return Keyframe(
        stamp_ns=1_700_000_000_000_000_000 + number,
        features=Features(global_descriptor, local),
        pose=Pose((number, 0.5, -1.0), (0.0, 0.0, 0.0, 1.0), "map") if pose else None,
        camera=CAMERA,
        thumbnail_jpeg=b"\xff\xd8 %d" % number,
    )


def make_real_keyframe(number):
    return make_keyframe(number, REAL_SPEC, points=600)


def number_of(record):
    return record.stamp_ns - 1_700_000_000_000_000_000


def assert_same(features, expected, tolerance=1e-3):
    """Compare features that were kept as float16."""
    np.testing.assert_array_equal(features.global_descriptor, expected.global_descriptor)
    np.testing.assert_array_equal(features.local.keypoints, expected.local.keypoints)
    np.testing.assert_array_equal(features.local.scores, expected.local.scores)
    assert features.local.image_size == expected.local.image_size
    np.testing.assert_allclose(
        features.local.descriptors, expected.local.descriptors, rtol=tolerance, atol=1e-6
    )


def start(verb, path, seed=0):
    """Start this file as a process of its own and wait until it begins its work."""
    root = str(Path(vpr_ros.__file__).parents[1])
    process = subprocess.Popen(
        [sys.executable, __file__, verb, str(path), str(seed)],
        env={**os.environ, "PYTHONPATH": root, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "ready\n"
    return process


def report(*words):
    """Tell the test, which reads our standard output."""
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def map_forever(path, seed):
    """Append and commit, and report every id that is durable."""
    rng = random.Random(seed)
    place_map = PlaceMap.open_or_create(path, REAL_SPEC)
    place_map.begin_session()
    number = len(place_map)
    report("ready")
    while True:
        ids = [place_map.append(make_real_keyframe(number + i)) for i in range(rng.randint(1, 3))]
        number += len(ids)
        place_map.commit()
        report(*(key.id for key in ids))


def create_forever(folder, _):
    """Create one map after the other."""
    report("ready")
    for number in count():
        PlaceMap.create(folder / f"{number}.vprmap", SPEC).close()


VERBS = {"map": map_forever, "create": create_forever}

if __name__ == "__main__":
    VERBS[sys.argv[1]](Path(sys.argv[2]), int(sys.argv[3]))
