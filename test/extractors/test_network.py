# SPDX-License-Identifier: Apache-2.0
"""The extractor that runs a network, with a network that answers from a table."""

from dataclasses import replace

import numpy as np
import pytest

from vpr_ros.datatypes import ModelSpec
from vpr_ros.errors import BackendError, ImageError
from vpr_ros.extractors.network import NetworkExtractor

SPEC = ModelSpec(
    "table", "", 32, 64, (0.5, 0.5, 0.5), (0.25, 0.25, 0.25), 2, 1, "fp32", "1", {"min_score": 0.5}
)
# u, v, score, descriptor; u and v in units of the input's longer side, 64 pixels
ROWS = np.array(
    [[[0.25, 0.125, 0.5, 1], [0.5, 0.25, 0.6, 2], [1, 0.5, 1, 3], [0, 0, np.nan, 4]]], np.float32
)


class Table:
    description = "a table on paper"

    def __init__(self, descriptor=(3.0, 4.0), rows=ROWS):
        self.spec = SPEC
        self.heard = []
        self._outputs = {"global_descriptor": np.array([descriptor], np.float32)}
        if rows is not None:
            self._outputs["local_features"] = rows

    def run(self, inputs):
        self.heard.append(inputs["image"])
        return self._outputs


def image(height=32, width=64, value=255):
    return np.full((height, width, 3), value, np.uint8)


def test_features_in_pixels_of_the_source():
    features = NetworkExtractor(Table()).extract(image(48, 128))
    np.testing.assert_allclose(features.global_descriptor, [0.6, 0.8])
    assert features.local.image_size == (128, 48)
    # 64 x 32 pixels became 128 x 48: twice as wide, 1.5 times as high.
    np.testing.assert_allclose(features.local.keypoints, [[64, 24], [128, 48], [0, 0]])
    np.testing.assert_allclose(features.local.descriptors, [[2], [3], [4]])


def test_scores_at_the_threshold_are_dropped_and_nan_stays():
    scores = NetworkExtractor(Table()).extract(image()).local.scores
    np.testing.assert_array_equal(scores, np.float32([0.6, 1.0, np.nan]))


def test_the_configuration_may_choose_the_threshold_in_one_map():
    extractor = NetworkExtractor(Table(), min_score=0.7)
    scores = extractor.extract(image()).local.scores
    np.testing.assert_array_equal(scores, np.float32([1.0, np.nan]))
    assert extractor.spec.settings["min_score"] == 0.7
    assert extractor.spec.space == NetworkExtractor(Table()).spec.space


def test_a_network_without_local_features_gives_none():
    whole = Table(rows=None)
    whole.spec = replace(SPEC, local_dim=0)
    assert NetworkExtractor(whole).extract(image()).local is None


def test_all_scores_are_kept_on_demand_which_makes_other_maps():
    extractor = NetworkExtractor(Table(), keep_all=True)
    assert len(extractor.extract(image()).local) == 4
    assert extractor.spec.space != NetworkExtractor(Table()).spec.space


def test_input_is_normalized_channels_first():
    table = Table()
    picture = image()
    picture[..., 0] = 0
    NetworkExtractor(table).extract(picture)
    heard = table.heard[-1]
    assert heard.shape == (1, 3, 32, 64)
    assert heard.dtype == np.float32
    np.testing.assert_allclose(heard[0, :, 5, 7], [-2, 2, 2])


def test_antialias_makes_another_model():
    plain, smooth = NetworkExtractor(Table()), NetworkExtractor(Table(), antialias=True)
    assert plain.spec.space != smooth.spec.space


def test_warm_up_comes_first():
    table = Table()
    NetworkExtractor(table)
    assert [each.shape for each in table.heard] == [(1, 3, 32, 64)]


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (Table(descriptor=(1.0, 2.0, 3.0)), "global_descriptor has 3 values where its spec says 2"),
        (Table(rows=ROWS[..., :3]), "local_features has 3 values where its spec says 4"),
        (Table(rows=None), "local_features has 0 values"),
    ],
)
def test_a_network_that_is_not_what_it_says(table, said):
    with pytest.raises(BackendError, match=f"table: {said}"):
        NetworkExtractor(table)


def test_nan():
    with pytest.raises(BackendError, match="table gave NaN in fp32"):
        NetworkExtractor(Table(descriptor=(np.nan, 1.0))).extract(image())


def test_what_is_no_image():
    with pytest.raises(ImageError, match="expected RGB uint8"):
        NetworkExtractor(Table()).extract(image().astype(np.float32))
