# SPDX-License-Identifier: Apache-2.0
"""Rules for what shows one place, on a handful of poses."""

import math
from dataclasses import replace

import numpy as np
import pytest

from vpr_ros.datatypes import Pose
from vpr_ros.errors import DatasetError
from vpr_ros.evaluation.retrieval_set import RetrievalSet
from vpr_ros.training.papers.labels import LabelRecipe, label, view_distance


class Names:
    def __init__(self, count):
        self.names = [str(number) for number in range(count)]


def pose(x, degrees=0.0):
    half = math.radians(degrees) / 2
    return Pose((x, 0.0, 0.0), (0.0, 0.0, math.sin(half), math.cos(half)), "map")


def data(queries, database):
    sources = (Names(len(database)), Names(len(queries)))
    return RetrievalSet("set", *sources, {}, database_poses=database, query_poses=queries)


def lists(found):
    return [each.tolist() for each in found]


def test_by_distance():
    made = data((pose(0.0), pose(500.0)), (pose(9.0, 180.0), pose(20.0), pose(30.0)))
    found = label(made, LabelRecipe())
    assert lists(found.positives) == [[0], []]
    assert lists(found.excluded) == [[0, 1], []]
    assert found.indices.tolist() == [0]


def test_by_overlap_of_the_fields_of_view():
    """40 m or 25 degrees leave no overlap, and half of both together do not either."""
    database = (pose(39.0), pose(41.0), pose(0.0, 24.0), pose(0.0, -26.0), pose(20.0, 13.0))
    found = label(data((pose(0.0),), database), LabelRecipe("field_of_view"))
    assert lists(found.positives) == [[0, 2]]
    assert lists(found.excluded) == [[0, 2, 3, 4]]
    swapped = LabelRecipe("field_of_view", view_distance=25.0, view_angle=40.0)
    found = label(data((pose(0.0),), database), swapped)
    assert lists(found.positives) == [[2, 3]]


@pytest.mark.parametrize("turned", [10.0, -10.0, 350.0])
def test_angles_go_either_way_and_around(turned):
    distance = view_distance(
        np.zeros(2), np.array([[4.0, 0.0]]), 0.0, np.radians([turned]), LabelRecipe()
    )
    assert distance == pytest.approx([0.1 + 0.4])


def test_refusals():
    with pytest.raises(DatasetError, match="set: training needs the poses"):
        label(data((), ()), LabelRecipe())
    with pytest.raises(DatasetError, match="no query has a positive by the rule distance"):
        label(data((pose(0.0),), (pose(11.0),)), LabelRecipe())


def test_an_image_is_no_positive_of_itself():
    """A drive against itself: the frames around an image are what shows its place."""
    drive = data((pose(0.0), pose(4.0), pose(100.0)), (pose(0.0), pose(4.0), pose(100.0)))
    assert lists(label(drive, LabelRecipe()).positives) == [[0, 1], [0, 1], [2]]
    drive = replace(drive, queries=drive.database)
    found = label(drive, LabelRecipe())
    assert lists(found.positives) == [[1], [0], []]
    assert found.indices.tolist() == [0, 1]
    assert lists(found.excluded) == [[0, 1], [0, 1], [2]]
