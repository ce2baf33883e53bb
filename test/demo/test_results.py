# SPDX-License-Identifier: Apache-2.0
"""The demonstration's counting, table, page and picture, without ROS."""

import json

import cv2
import numpy as np
import pytest

from vpr_ros.datatypes import Candidate, KeyframeKey, KeyframeRecord, Pose, Recognition, Verdict
from vpr_ros.demo.drives import parse_options
from vpr_ros.demo.pictures import Gallery
from vpr_ros.demo.results import LiveLines, Results
from vpr_ros.errors import ConfigError, ImageError
from vpr_ros.evaluation.judge import Truth
from vpr_ros.pictures.match_picture import shortened, text_width

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


def answer(second, verdict, match=None):
    records = (
        []
        if match is None
        else [KeyframeRecord(KeyframeKey("map", match), "1", match * SECOND_NS, None)]
    )
    candidates = tuple(Candidate(record, 0.5) for record in records)
    timings = {"extract": 0.020, "rerank": 0.010 + 0.001 * second}
    stamp_ns = DAY_NS + second * SECOND_NS
    return Recognition(stamp_ns, verdict, f"reason {second}", 0.9, candidates, timings)


@pytest.fixture
def answers():
    accepted = [answer(i, Verdict.ACCEPTED, i) for i in range(20)]
    wrong = [answer(20, Verdict.ACCEPTED, 44)]
    ambiguous = [answer(i, Verdict.AMBIGUOUS, i) for i in (21, 22)]
    unknown = [answer(i, Verdict.UNKNOWN, 7) for i in range(23, 40)]
    return accepted + wrong + ambiguous + unknown


SENT = [DAY_NS + i * SECOND_NS for i in range(42)]  # two more than were answered


def test_counts(answers, truth):
    results = Results.of([*answers, answers[3]], SENT, KEYFRAMES, truth)
    numbers = results.to_json()
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
    seen = [answer(i, Verdict.ACCEPTED, i) for i in range(10)]
    results = Results.of(seen, SENT[:20], KEYFRAMES, truth)
    assert results.verdicts.tally.recall == 1.0
    assert results.recall == pytest.approx(0.5)


def test_without_truth_nothing_is_claimed(answers):
    results = Results.of(answers, SENT, KEYFRAMES, None)
    numbers = results.to_json()
    for name in ("right", "wrong", "positives", "precision", "recall"):
        assert numbers[name] is None
    assert numbers["accepted"] == 21
    text = results.table()
    for word in ("right", "wrong", "precision", "recall"):
        assert word not in text
    assert results.shortcomings(strict=False) == []


def test_shortcomings_are_named(answers, truth):
    results = Results.of(answers, SENT, KEYFRAMES, truth)
    assert results.shortcomings(strict=True) == []
    wrong = [answer(i, Verdict.ACCEPTED, 40) for i in range(10)]
    failed = Results.of(answers + wrong, SENT, KEYFRAMES, truth)
    assert failed.shortcomings(strict=True) == []  # the first answer of a frame counts
    failed = Results.of([*wrong, *answers[10:]], SENT, KEYFRAMES, truth)
    assert [text.split()[0] for text in failed.shortcomings(strict=True)] == ["precision", "recall"]
    assert failed.shortcomings(strict=False) == []
    nothing = Results.of(answers[21:], SENT, KEYFRAMES, truth)
    assert nothing.shortcomings(strict=False) == ["no match was accepted"]


def test_no_answers_at_all(truth, tmp_path):
    results = Results.of([], SENT, [], truth)
    assert results.lost == 42
    assert results.shortcomings(strict=True) == ["no match was accepted"]
    assert "no answers" in results.table()
    results.write(tmp_path / "demo.json")
    assert json.loads((tmp_path / "demo.json").read_text())["precision"] is None


def test_table_shows_every_number(answers, truth):
    text = Results.of(answers, SENT, KEYFRAMES, truth).table()
    for part in ("42   lost 2", "right 20, wrong 1", "0.952", "0.667", "extract", "total"):
        assert part in text
    assert all(len(line) <= 80 for line in text.splitlines())


def test_live_lines_for_changes_and_seconds(truth, monkeypatch):
    said = []
    monkeypatch.setattr("vpr_ros.demo.results._LINE_PERIOD_NS", 5 * SECOND_NS)
    lines = LiveLines(said.append, truth)
    verdicts = [Verdict.ACCEPTED] * 11 + [Verdict.UNKNOWN, Verdict.ACCEPTED]
    for second, verdict in enumerate(verdicts):
        lines.show(answer(second, verdict, second))
    assert [line.split()[0] for line in said] == ["0.0", "5.0", "10.0", "11.0", "12.0"]
    assert "ACCEPTED" in said[0]
    assert "right, 0.0 m away" in said[0]
    assert "m away" not in said[3]


class Images:
    """Images of one color, as many as there are stamps."""

    def __init__(self, stamps_ns, size):
        self.stamps_ns, self.names = stamps_ns, [str(stamp) for stamp in stamps_ns]
        self._size = size

    def read(self, index):
        if index == 3:
            raise ImageError("damaged")
        return np.full((*self._size, 3), (10, 200, 240), np.uint8)


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("size", [(32, 48), (30, 100)])
def test_numbers_page_and_picture_are_written(answers, truth, known, size, tmp_path):
    pytest.importorskip("matplotlib", reason="pictures need matplotlib")
    truth = truth if known else None
    results = Results.of(answers, SENT, KEYFRAMES, truth)
    gallery = Gallery(Images(KEYFRAMES, size), Images(SENT, size), results, truth)
    paths = gallery.write(tmp_path, tmp_path)
    assert [path.name for path in paths] == ["demo.png", "demo.html", "demo.json"]
    picture = cv2.cvtColor(cv2.imread(str(paths[0])), cv2.COLOR_BGR2RGB)
    assert picture.shape == (1000, 1800, 3)
    shown = (np.abs(picture.astype(int) - (10, 200, 240)).max(axis=2) < 3).sum()
    assert shown > 0.05 * picture.size / 3
    page = paths[1].read_text("utf-8")
    assert "What a robot would be told" in page
    assert ("From above" in page) is known
    assert ("Surest right matches" in page) is known
    assert json.loads(paths[2].read_text())["frames"] == 42
    lines = (tmp_path / "answers.jsonl").read_text().splitlines()
    assert [json.loads(line)["stamp_ns"] for line in lines] == SENT[:40]


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
