# SPDX-License-Identifier: Apache-2.0
"""Fewer local features: which stay, and what a place then takes."""

import numpy as np
import pytest
from retrieval_samples import NumberedImages, NumberExtractor

from vpr_ros.datatypes import LocalFeatures
from vpr_ros.evaluation.features.feature_list import FilteredFeatures, strongest
from vpr_ros.evaluation.features.feature_store import FeatureStore


def local(*scores):
    count = len(scores)
    points = np.arange(2 * count, dtype=np.float32).reshape(count, 2)
    return LocalFeatures(points, np.array(scores, np.float32), points, (9, 9))


def test_what_stays():
    assert strongest(local(1, 4, 3, 2), 0.5).scores.tolist() == [4, 3]
    assert len(strongest(local(), 0.5)) == 0


def test_features_and_their_size(tmp_path):
    with FeatureStore(tmp_path, NumberedImages(20, broken=(2,)), NumberExtractor()) as store:
        store.fill(lambda: None, lambda error: None)
        everything = FilteredFeatures(store, 1.0)
        assert everything.place_bytes == pytest.approx(store.place_bytes)
        few = FilteredFeatures(store, 0.5)
        assert few.place_bytes < everything.place_bytes
        assert len(few) == 20
        np.testing.assert_array_equal(few.rows(3, 5), store.rows(3, 5))
        for number in (0, 1, 3, 19):
            kept = few.features(number).local
            expected = store.features(number).local
            strong = np.sort(expected.scores)[::-1][: len(kept)]
            assert len(kept) == round(0.5 * len(expected))
            np.testing.assert_array_equal(np.sort(kept.scores)[::-1], strong)
