# SPDX-License-Identifier: Apache-2.0
"""What a robot would be told on rendered drives: the same as the localizer says on the bags."""

import math

import numpy as np
import pytest

from vpr_ros.config import PipelineConfig
from vpr_ros.datatypes import Query
from vpr_ros.drives.bag_reader import BagReader
from vpr_ros.errors import DatasetError
from vpr_ros.evaluation.drive import Drive, judge_drive
from vpr_ros.evaluation.outcomes import RIGHT
from vpr_ros.evaluation.protocols.bag_set import BagOptions, read_bag_set
from vpr_ros.evaluation.protocols.map_set import read_map_set
from vpr_ros.evaluation.runner import Task, Variant, described, run_all
from vpr_ros.evaluation.scores import RERANKED, score
from vpr_ros.pipeline import build

CONFIG = PipelineConfig(method="hog_sift")
OPTIONS = BagOptions(max_distance=5.0, max_angle=math.radians(45.0))


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def verdicts(rendered_drive, cache):
    data = read_bag_set(rendered_drive.map_bag, rendered_drive.query_bag, OPTIONS)
    task = Task(data, cache)
    drives = Drive(rendered_drive.map_bag), Drive(rendered_drive.query_bag)
    with described(task, CONFIG) as opened:
        return judge_drive(task, opened, *drives)


@pytest.fixture(scope="module")
def street_map(rendered_drive, tmp_path_factory):
    """The map that the mapper makes of the bag."""
    path = tmp_path_factory.mktemp("maps") / "street.vprmap"
    pipeline = build(CONFIG)
    with BagReader(rendered_drive.map_bag) as bag, pipeline.continue_map(path) as place_map:
        builder = pipeline.map_builder(place_map)
        for frame in bag.frames():
            builder.offer(frame)
        builder.finish()
    return path


def test_verdicts_are_those_of_the_localizer(rendered_drive, street_map, verdicts):
    pipeline = build(CONFIG)
    with BagReader(rendered_drive.query_bag) as bag, pipeline.open_map(street_map) as place_map:
        recognizer = pipeline.recognizer(place_map)
        answers = [
            recognizer.answer(Query(pipeline.extractor.extract(each.image), each.stamp_ns))
            for each in bag.frames()
        ]
        assert verdicts.keyframes == len(place_map)
    counted = [verdicts.tally.accepted, verdicts.tally.ambiguous, verdicts.tally.unknown]
    named = [answer.verdict.name for answer in answers]
    assert counted == [named.count(each) for each in ("ACCEPTED", "AMBIGUOUS", "UNKNOWN")]


def test_verdicts_are_judged(verdicts):
    tally = verdicts.tally
    assert tally.right > 5
    assert tally.wrong == 0
    assert verdicts.outcomes.words.count(RIGHT) == tally.right
    assert len(verdicts.outcomes) == tally.frames
    assert sum(count for _, _, count in verdicts.outcomes.reliability) == tally.frames
    assert sum(verdicts.causes.values()) == tally.frames - tally.accepted
    assert 0.0 <= verdicts.outcomes.calibration_error < 0.5
    assert verdicts.outcomes.risk.coverage[-1] == 1.0
    assert "extract" in tally.latency_ms


def test_a_map_is_searched_as_it_is(rendered_drive, street_map, cache, verdicts):
    bags = rendered_drive
    data = read_map_set(street_map, bags.query_bag, OPTIONS, bags.map_bag)
    task = Task(data, cache, map_path=street_map)
    (run,) = run_all(task, [Variant("map", CONFIG)])
    assert score(data, run, (1,)).score(RERANKED).recall[1].mean > 0.7
    with described(task, CONFIG) as opened:
        found = judge_drive(task, opened, None, Drive(bags.query_bag))
    assert found.tally.accepted == verdicts.tally.accepted
    assert np.array_equal(found.outcomes.best >= 0, verdicts.outcomes.best >= 0)


def test_poses_in_another_frame_are_refused(rendered_drive, street_map):
    with pytest.raises(DatasetError, match=r"in frame odom.*in map.*--map-bag"):
        read_map_set(street_map, rendered_drive.query_bag, OPTIONS)
