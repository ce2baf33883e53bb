# SPDX-License-Identifier: Apache-2.0
"""San Francisco: buildings in the names of database images and in the ground truth."""

import pytest

from vpr_ros.errors import DatasetError
from vpr_ros.evaluation.protocols import read_set
from vpr_ros.evaluation.protocols.san_francisco import QUERIES


def pci(number, building):
    return (
        f"streetview/{number}/PCI_sp_11841_37.789_-122.387_937762214_0_{building}_344.2_-37.6.jpg"
    )


@pytest.fixture
def city(layout):
    layout.images([pci(1, 671172717), pci(2, 671172716), pci(3, 671172717)])
    layout.images([f"{QUERIES}/{name}.jpg" for name in ("0000", "0001", "0002")])
    text = "0000 671172717\n0001 671172716 671172717\n0002 5\n"
    layout.text("Evaluation_Package/cartoid_groundTruth_2014_04.txt", text)
    return layout


def test_buildings_are_right(city):
    data = read_set("san-francisco", city.folder)
    (relevance,) = data.relevance.values()
    assert [each.tolist() for each in relevance.positives] == [[0, 2], [0, 1, 2], []]
    assert relevance.counts_unmatched
    assert len(data.database.names) == 3, "queries below the same folder are no database"
    assert data.queries.names[0] == "0000.jpg"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("0000 tower\n", "not a query and numbers of buildings"),
        ("", "no queries"),
        ("0000 4\n", "no database image shows a building"),
        ("0009 671172717\n", r"0009.jpg: missing"),
    ],
)
def test_damaged_truth(city, content, said):
    city.text("Evaluation_Package/cartoid_groundTruth_2014_04.txt", content)
    with pytest.raises(DatasetError, match=said):
        read_set("san-francisco", city.folder)


def test_names_that_hold_no_building(city):
    city.image("streetview/PCI_sp_1.jpg")
    with pytest.raises(DatasetError, match="3 fields, PCI images have 10"):
        read_set("san-francisco", city.folder)
