# SPDX-License-Identifier: Apache-2.0
"""When a map is calibrated anew, and what it keeps."""

import json
import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest
from town import Town

from vpr_ros.calibration import Calibrator
from vpr_ros.config import METHODS, DecisionConfig
from vpr_ros.datatypes import ModelSpec
from vpr_ros.errors import MapError
from vpr_ros.place_map import PlaceMap
from vpr_ros.place_map.checksum import row_crc

DECISION = DecisionConfig()
PRIOR = METHODS["hog_sift"].prior
SPEC = ModelSpec("test", "", 1, 1, (), (), 4, 4, "fp32", "1")


def near(a, b):
    return max(100.0 - abs(a - b), 0.0)


def town(count=100):
    return Town(range(count), near)


def calibrator(place, decision=DECISION, **about):
    return Calibrator(place, decision, PRIOR, {"rule": "clean", **about.pop("comparison", {})})


def test_a_map_without_calibration_is_asked_and_left_as_it_was():
    place = town()
    record = calibrator(place).of(place)
    assert record.calibration.of_map
    assert record.keyframes == 100
    assert place.kept is None


def test_what_was_kept_is_used_and_nothing_compared_again():
    place = town()
    calibrator(place).keep(place)
    compared = place.compared
    assert calibrator(place).of(place) is place.kept
    calibrator(place).keep(place)
    assert place.compared == compared


def test_what_was_made_before_is_not_made_again_for_a_map_that_keeps_nothing():
    place = town()
    record = calibrator(place).of(place)
    compared = place.compared
    assert calibrator(place).of(place, earlier=record) is record
    other = replace(DECISION, target_precision=0.9)
    assert calibrator(place, other).of(place, earlier=record) is record
    assert place.compared == compared
    wider = calibrator(place, replace(DECISION, max_zoom=2.0)).of(place, earlier=record)
    assert wider is not record
    assert place.compared > compared


@pytest.mark.parametrize(("changed", "kept"), [
    ({"target_precision": 0.9}, True),
    ({"rival_ratio": 0.5}, True),
    ({"max_zoom": 2.0}, False),
    ({"candidates": 20}, False),
    ({"place_radius": 5.0}, False),
    ({"prior_mapped": 0.9}, False),
])  # fmt: skip
def test_settings_that_change_scores_or_places_make_it_anew(changed, kept):
    place = town()
    calibrator(place).keep(place)
    other = calibrator(place, replace(DECISION, **changed))
    assert (other.of(place) is place.kept) is kept


def test_another_comparison_makes_it_anew():
    place = town()
    calibrator(place).keep(place)
    assert calibrator(place, comparison={"rule": "reference"}).of(place) is not place.kept


@pytest.mark.parametrize(("count", "kept"), [(99, False), (100, True), (120, True), (121, False)])
def test_a_map_that_has_become_another_is_asked_anew(count, kept):
    place, other = town(100), town(count)
    calibrator(place).keep(place)
    other.kept = place.kept
    assert (calibrator(other).of(other) is place.kept) is kept
    before = other.kept
    calibrator(other).keep(other)
    assert (other.kept is before) is (count == 100)  # whoever writes is exact


def test_a_map_in_which_hardly_anything_can_be_accepted_says_so(caplog):
    place = Town(range(100), lambda a, b: 30.0 - abs(a - b) % 7)
    calibrator(place).keep(place)
    words = place.kept.out_of_reach(0.99)
    assert "even keyframes side by side reach no more than 29" in words
    assert words in caplog.text
    fine = town()
    calibrator(fine).keep(fine)
    assert fine.kept.out_of_reach(0.5) == ""


def test_a_small_map_keeps_that_it_is_small():
    place = town(19)
    calibrator(place).keep(place)
    assert not place.kept.calibration.of_map
    assert place.kept.keyframes == 19
    assert place.compared == 0


def test_what_was_found_before_the_end_is_kept_and_gone_on_with():
    place, asked = town(), iter(range(100))
    calibrator(place).keep(place, lambda: next(asked) == 2)
    assert place.kept is None
    compared = place.compared
    whole = town()
    calibrator(whole).keep(whole)
    calibrator(place).keep(place)
    assert place.kept.calibration == whole.kept.calibration
    assert place.compared == whole.compared
    assert 0 < compared < whole.compared


@pytest.mark.parametrize("other", [town(101), Town(range(100), near, zoomed=True)])
def test_what_was_found_of_another_map_or_for_other_settings_is_not(other):
    place, asked = town(), iter(range(100))
    calibrator(place).keep(place, lambda: next(asked) == 2)
    other.notes, other.compared = place.notes, 0
    decision = DECISION if len(other) == 101 else replace(DECISION, max_zoom=2.0)
    calibrator(other, decision).of(other)
    fresh = Town(range(len(other)), near, zoomed=other.zoomed)
    calibrator(fresh, decision).of(fresh)
    assert other.compared == fresh.compared


def test_who_waits_for_an_answer_can_stop_waiting():
    place = town()
    impatient = Calibrator(place, DECISION, PRIOR, {}, lambda: True)
    assert not impatient.of(place).calibration.of_map
    impatient.keep(place)
    assert place.kept.calibration.of_map


@pytest.fixture
def record():
    place = town()
    calibrator(place).keep(place)
    return place.kept


@pytest.fixture
def path(tmp_path, record):
    path = tmp_path / "street.vprmap"
    with PlaceMap.create(path, SPEC) as place_map:
        assert place_map.calibration() is None
        place_map.keep_calibration(record)
        place_map.keep_calibration(record)
        assert place_map.calibration() == record
    return path


def test_a_map_keeps_its_calibration(path, record):
    with PlaceMap.open(path) as place_map:
        assert place_map.calibration() == record
        assert place_map.info().calibration == record
        with pytest.raises(MapError, match="opened for reading"):
            place_map.keep_calibration(record)


def rewrite(path, text, crc=None):
    """What another version would have kept."""
    crc = row_crc("calibration", text) if crc is None else crc
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(
            "UPDATE meta SET value = ?, crc = ? WHERE key = 'calibration'", (text, crc)
        )


def calibration_text(path):
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT value FROM meta WHERE key = 'calibration'").fetchone()[0]


@pytest.mark.parametrize(("crc", "words"), [(1, "checksum differs"), (None, "damaged Calibration")])
def test_a_damaged_calibration_is_refused_by_name(path, crc, words):
    rewrite(path, "nonsense", crc)
    with PlaceMap.open(path) as place_map, pytest.raises(MapError, match=words):
        place_map.calibration()


@pytest.mark.parametrize("change", [
    lambda content: content.pop("right"),
    lambda content: content.update(more=1),
    lambda content: content["calibration"].update(more=1),
    lambda content: content.update(calibration=5),
])  # fmt: skip
def test_the_calibration_of_another_version_is_as_good_as_none(path, change):
    content = json.loads(calibration_text(path))
    change(content)
    rewrite(path, json.dumps(content))
    with PlaceMap.open(path) as place_map:
        assert place_map.calibration() is None
    rewrite(path, "[]")
    with PlaceMap.open(path) as place_map:
        assert place_map.calibration() is None
