# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from vpr_ros.datatypes import Features, LocalFeatures
from vpr_ros.errors import MapError
from vpr_ros.extractors.as_kept import AsKeptExtractor
from vpr_ros.place_map.codec import decode_local, encode_local

SIZE = (32, 24)
IMAGE = np.zeros((24, 32, 3), np.uint8)


class Fixed:
    """Describes every image alike."""

    spec = None
    description = "fixed"

    def __init__(self, descriptors):
        self.descriptors = descriptors

    def extract(self, _image):
        local = None
        if self.descriptors is not None:
            count = len(self.descriptors)
            local = LocalFeatures(
                np.zeros((count, 2), np.float32),
                np.ones(count, np.float32),
                self.descriptors,
                SIZE,
            )
        return Features(np.array([0.6, 0.8], np.float32), local)


@pytest.mark.parametrize("codec", ["float16", "float32"])
def test_keeping_features_changes_nothing(codec):
    descriptors = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    local = AsKeptExtractor(Fixed(descriptors), codec).extract(IMAGE).local
    kept = decode_local(encode_local(local, codec), codec, SIZE)
    assert kept.descriptors.tobytes() == local.descriptors.tobytes()
    assert local.descriptors.dtype == np.float32
    np.testing.assert_allclose(local.descriptors, descriptors, rtol=1e-3)


def test_what_a_map_refuses_is_not_hidden_from_it():
    descriptors = np.array([[1e6, 0.1, 0.0]], np.float32)
    local = AsKeptExtractor(Fixed(descriptors), "float16").extract(IMAGE).local
    assert local.descriptors[0, 0] == 1e6
    with pytest.raises(MapError, match="float32"):
        encode_local(local, "float16")


def test_features_without_local_ones_stay():
    assert AsKeptExtractor(Fixed(None), "float16").extract(IMAGE).local is None
