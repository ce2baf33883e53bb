# SPDX-License-Identifier: Apache-2.0
"""Every recipe learns by heart what its network did not know before."""

import pytest
from small_recipes import RECIPES, recalls, small_data

NEEDS_CLUSTERS = "appsvr"  # see ``test_appsvr_start``


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return small_data(tmp_path_factory.mktemp("photos"))


@pytest.mark.parametrize(
    "path", [each for each in RECIPES if each.stem != NEEDS_CLUSTERS], ids=lambda path: path.stem
)
def test_a_tiny_data_set_is_learned_by_heart(path, data, tmp_path):
    before, after = recalls(path, data, tmp_path)
    assert before < 1.0 == after
