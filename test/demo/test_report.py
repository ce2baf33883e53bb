# SPDX-License-Identifier: Apache-2.0
"""The demonstration's counting, table and picture, without ROS."""

import json

import numpy as np
import pytest

from vpr_ros.datatypes import Candidate, KeyframeKey, KeyframeRecord, Pose, Recognition, Verdict
from vpr_ros.demo.options import parse_options
from vpr_ros.demo.outcome import conclude
from vpr_ros.demo.pairs import Pair, choose
from vpr_ros.demo.picture import Scene, draw, headline, pair_count
from vpr_ros.demo.picture_laps import color_of
from vpr_ros.demo.report import table, write_json
from vpr_ros.demo.sightings import LiveLines, Sighting
from vpr_ros.errors import ConfigError
from vpr_ros.evaluation.judge import Truth
from vpr_ros.pictures.canvas import shortened, text_width

SECOND_NS = 10**9
DAY_NS = 86400 * SECOND_NS


def at(x, y=0.0):
    return Pose((float(x), float(y), 0.0), (0.0, 0.0, 0.0, 1.0), "map")


# The map's drive goes 1 m/s along x; the query's the same way a day later, and then leaves it.
MAP_TRACK = [(i * SECOND_NS, at(i)) for i in range(50)]
QUERY_TRACK = [(DAY_NS + i * SECOND_NS, at(i, 0.0 if i < 30 else 40.0)) for i in range(50)]
KEYFRAMES = [i * SECOND_NS for i in range(0, 50, 2)]


@pytest.fixture
def truth():
    return Truth(MAP_TRACK, QUERY_TRACK)


def sighting(second, verdict, match=None):
    match_ns = None if match is None else match * SECOND_NS
    timings = {"extract": 0.020, "rerank": 0.010 + 0.001 * second}
    key = KeyframeKey("map", match or 0)
    records = [] if match is None else [KeyframeRecord(key, "1", match_ns, None)]
    candidates = tuple(Candidate(record, 0.5) for record in records)
    stamp_ns = DAY_NS + second * SECOND_NS
    return Sighting(Recognition(stamp_ns, verdict, f"reason {second}", 0.9, candidates, timings))


@pytest.fixture
def sightings():
    accepted = [sighting(i, Verdict.ACCEPTED, i) for i in range(20)]
    wrong = [sighting(20, Verdict.ACCEPTED, 45)]
    ambiguous = [sighting(i, Verdict.AMBIGUOUS, i) for i in (21, 22)]
    unknown = [sighting(i, Verdict.UNKNOWN, 7) for i in range(23, 40)]
    return accepted + wrong + ambiguous + unknown


SENT = [DAY_NS + i * SECOND_NS for i in range(42)]  # two more than were answered


def test_counts(sightings, truth):
    outcome = conclude([*sightings, sightings[3]], SENT, KEYFRAMES, truth)
    numbers = outcome.to_json()
    assert numbers["frames"] == 42
    assert numbers["answered"] == 40
    assert numbers["lost"] == 2
    assert numbers["duplicated"] == 1
    assert (numbers["accepted"], numbers["right"], numbers["wrong"]) == (21, 20, 1)
    assert (numbers["ambiguous"], numbers["unknown"]) == (2, 17)
    assert numbers["positives"] == 30
    assert numbers["precision"] == pytest.approx(20 / 21)
    assert numbers["recall"] == pytest.approx(20 / 30)
    assert numbers["latency_ms"]["extract"]["median"] == pytest.approx(20.0)
    assert {"median", "p95"} <= numbers["latency_ms"]["total"].keys()


def test_a_lost_positive_lowers_recall(truth):
    seen = [sighting(i, Verdict.ACCEPTED, i) for i in range(10)]
    outcome = conclude(seen, SENT[:20], KEYFRAMES, truth)
    assert outcome.tally.recall == 1.0
    assert outcome.recall == pytest.approx(0.5)


def test_without_truth_nothing_is_claimed(sightings):
    outcome = conclude(sightings, SENT, KEYFRAMES, None)
    numbers = outcome.to_json()
    for name in ("right", "wrong", "positives", "precision", "recall"):
        assert numbers[name] is None
    assert numbers["accepted"] == 21
    text = table(outcome)
    for word in ("right", "wrong", "precision", "recall"):
        assert word not in text
    assert outcome.shortcomings(strict=False) == []


def test_shortcomings_are_named(sightings, truth):
    outcome = conclude(sightings, SENT, KEYFRAMES, truth)
    assert outcome.shortcomings(strict=True) == []
    wrong = [sighting(i, Verdict.ACCEPTED, 40) for i in range(10)]
    failed = conclude(sightings + wrong, SENT, KEYFRAMES, truth)
    assert failed.shortcomings(strict=True) == []  # the first answer of a frame counts
    failed = conclude([*wrong, *sightings[10:]], SENT, KEYFRAMES, truth)
    assert [text.split()[0] for text in failed.shortcomings(strict=True)] == ["precision", "recall"]
    assert failed.shortcomings(strict=False) == []
    nothing = conclude(sightings[21:], SENT, KEYFRAMES, truth)
    assert nothing.shortcomings(strict=False) == ["no match was accepted"]


def test_no_answers_at_all(truth, tmp_path):
    outcome = conclude([], SENT, [], truth)
    assert outcome.lost == 42
    assert outcome.shortcomings(strict=True) == ["no match was accepted"]
    assert "no answers" in table(outcome)
    write_json(outcome, tmp_path / "demo.json")
    assert json.loads((tmp_path / "demo.json").read_text())["precision"] is None
    assert draw(Scene(outcome, [], [], truth, [])).shape == (1000, 1800, 3)


def test_table_shows_every_number(sightings, truth):
    text = table(conclude(sightings, SENT, KEYFRAMES, truth))
    for part in ("42   lost 2", "right 20, wrong 1", "0.952", "0.667", "extract", "total"):
        assert part in text
    assert all(len(line) <= 80 for line in text.splitlines())


def test_live_lines_for_changes_and_seconds(truth):
    said = []
    lines = LiveLines(said.append, truth, period_s=5.0)
    verdicts = [Verdict.ACCEPTED] * 11 + [Verdict.UNKNOWN, Verdict.ACCEPTED]
    for second, verdict in enumerate(verdicts):
        lines.show(sighting(second, verdict, second))
    assert [line.split()[0] for line in said] == ["0.0", "5.0", "10.0", "11.0", "12.0"]
    assert "ACCEPTED" in said[0]
    assert "right, 0.0 m away" in said[0]
    assert "m away" not in said[3]


def test_pairs_show_every_kind_and_the_wrong_ones(sightings, truth):
    chosen = choose(sightings, truth, 8)
    assert len(chosen) == 8
    assert [one.stamp_ns for one in chosen] == sorted(one.stamp_ns for one in chosen)
    assert {one.verdict for one in chosen} == set(Verdict)
    assert sum(headline(one, truth) == "ACCEPTED, wrong (25.0 m)" for one in chosen) == 1
    assert choose([], truth, 8) == []
    assert len(choose(sightings[:3], truth, 8)) == 3


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("size", [(320, 480), (188, 620), (480, 360)])
def test_picture(sightings, truth, known, size):
    truth = truth if known else None
    outcome = conclude(sightings, SENT, KEYFRAMES, truth)
    count = pair_count(size[1] / size[0])
    assert 3 <= count <= 12
    image = np.full((*size, 3), (10, 200, 240), np.uint8)
    pairs = [Pair(one, image, None) for one in choose(sightings, truth, count)]
    picture = draw(Scene(outcome, sightings, KEYFRAMES, truth, pairs))
    assert picture.shape == (1000, 1800, 3)
    assert picture.dtype == np.uint8
    shown = (np.abs(picture.astype(int) - (10, 200, 240)).max(axis=2) < 3).sum()
    assert shown > 0.9 * len(pairs) * 196 * 50
    for color in {color_of(one, truth) for one in sightings}:
        assert (np.abs(picture.astype(int) - color).max(axis=2) < 12).any()


def test_text_is_shortened_to_fit():
    assert shortened("short", 14, 500) == "short"
    text = shortened("a text that is much too long", 14, 100)
    assert text.endswith("...")
    assert text_width(text, 14) <= 100


@pytest.mark.parametrize(
    "words", [["--map-bag", "a"], ["--query-bag", "b"], ["--rate", "0"], ["--rate", "nan"]]
)
def test_options_that_cannot_work(words):
    with pytest.raises(ConfigError):
        parse_options(words)


def test_options():
    assert parse_options([]).simulated
    options = parse_options(["--map-bag", "a", "--query-bag", "b", "--out", "c"])
    assert not options.simulated
    assert options.scratch.as_posix() == "c/demo"
