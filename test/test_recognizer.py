# SPDX-License-Identifier: Apache-2.0
"""Each verdict for its reason, and the whole line from an image to a verdict."""

import math
import re
from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vpr_ros import pipeline
from vpr_ros.calibration_curve import Calibration, Tail
from vpr_ros.config import DecisionConfig, PipelineConfig, with_settings
from vpr_ros.datatypes import (
    Candidate,
    Cause,
    Comparison,
    Keyframe,
    KeyframeKey,
    KeyframeRecord,
    Pose,
    Query,
    Verdict,
)
from vpr_ros.decision import decide, same_place, scores_elsewhere

S = 10**9
CONFIG = DecisionConfig()


def logistic(half, slope, **about):
    """Odds of 1 at one score, and more with a slope."""
    return Calibration((Tail(half, 1.0, 1.0 / slope),), 1.0, **about)


INLIERS = logistic(20.0, 0.3)
LEARNED = logistic(0.5, 10.0)
# A score of 20 is exactly as likely right as wrong.
EVEN = replace(CONFIG, target_precision=0.5)


def record(number=1, x=None, session="monday", second=0.0, frame="odom", of="map"):
    pose = None if x is None else Pose((x, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0), frame)
    return KeyframeRecord(
        KeyframeKey(of, number),
        session,
        round(second * S),
        pose,
        map_name="" if of == "map" else of,
    )


def candidate(score, zoom=1.0, **place):
    return Candidate(record(**place), 0.9, Comparison(float(score), int(score), zoom))


def judged(candidates, config=CONFIG, calibration=INLIERS):
    return decide(candidates, config, calibration)[:3]


def learned(score, **place):
    """A candidate of a reranker that counts no inliers."""
    return Candidate(record(**place), 0.9, Comparison(score, inliers=-1))


def test_scores_at_other_places_than_the_best_one_are_wrong_ones():
    candidates = [
        candidate(9.0, x=50.0),
        candidate(40.0, x=0.0),
        candidate(30.0, x=5.0),
        candidate(12.0, x=90.0),
        candidate(25.0, session="tuesday"),  # may be the same place
        Candidate(record(x=70.0), 0.9),  # nobody looked closer
    ]
    assert scores_elsewhere(candidates, CONFIG) == [9.0, 12.0]
    assert scores_elsewhere([], CONFIG) == []


def test_an_empty_map_is_said_to_be_empty():
    assert judged([]) == (Verdict.UNKNOWN, "the map holds no keyframes", 0.0)


def test_where_only_whole_images_compare_their_likeness_is_the_score():
    look_alike = Candidate(record(number=7), 0.97)
    assert judged([look_alike], CONFIG, LEARNED)[:2] == (
        Verdict.ACCEPTED,
        "keyframe 7 of monday agrees in score 0.97",
    )
    verdict, reason, _ = judged([Candidate(record(number=7), 0.6)], CONFIG, LEARNED)
    assert verdict is Verdict.UNKNOWN
    assert "score 0.60 < 0.96 needed" in reason
    rivals = [look_alike, Candidate(record(number=2, x=500.0), 0.96)]
    assert judged(rivals, CONFIG, LEARNED)[0] is Verdict.ACCEPTED, "times tell one place"
    far = Candidate(record(number=2, second=500.0), 0.96)
    assert judged([look_alike, far], CONFIG, LEARNED)[0] is Verdict.AMBIGUOUS


def test_a_strong_match_is_accepted_with_its_numbers():
    verdict, reason, probability = judged([candidate(80, number=7)])
    assert verdict is Verdict.ACCEPTED
    assert reason == "keyframe 7 of monday agrees in 80 inliers"
    assert probability == pytest.approx(1.0, abs=1e-6)


def test_a_weak_match_is_unknown_with_its_numbers():
    verdict, reason, probability = judged([candidate(9, number=7)])
    assert verdict is Verdict.UNKNOWN
    assert "keyframe 7 of monday" in reason
    assert "9 inliers < 36 needed for precision 0.99 in this uncalibrated map" in reason
    assert 0.0 < probability < 0.1


@pytest.mark.parametrize(("score", "verdict"), [
    (19, Verdict.UNKNOWN), (20, Verdict.ACCEPTED), (21, Verdict.ACCEPTED),
])  # fmt: skip
def test_the_least_probability_is_enough(score, verdict):
    assert judged([candidate(score)], EVEN)[0] is verdict


@given(st.integers(0, 200), st.floats(0, 100), st.floats(0.01, 10), st.floats(0.5, 0.9999))
def test_the_needed_inliers_of_the_reason_are_really_needed(score, half, slope, target):
    config, calibration = DecisionConfig(target_precision=target), logistic(half, slope)
    verdict, reason, _ = judged([candidate(score)], config, calibration)
    if verdict is Verdict.UNKNOWN:
        needed = int(re.search(r"< (-?\d+) needed", reason)[1])
        assert score < needed
        assert judged([candidate(needed + 1e-6)], config, calibration)[0] is Verdict.ACCEPTED


@given(st.floats(0, 1e9), st.floats(0, 1e9))
def test_probability_grows_with_the_score_and_stays_one(less, more):
    less, more = sorted((less, more))
    low, high = (judged([candidate(score)])[2] for score in (less, more))
    assert 0.0 <= low <= high <= 1.0


@pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_unknown(score):
    verdict, _, probability = judged([learned(score)])
    assert (verdict, probability) == (Verdict.UNKNOWN, 0.0)


def test_a_learned_score_is_judged_on_its_own_scale():
    verdict, reason, probability = judged([learned(0.97, number=7)], CONFIG, LEARNED)
    assert (verdict, reason) == (Verdict.ACCEPTED, "keyframe 7 of monday agrees in score 0.97")
    assert probability > 0.99
    verdict, reason, _ = judged([learned(0.6, number=7)], CONFIG, LEARNED)
    assert verdict is Verdict.UNKNOWN
    assert reason == (
        "keyframe 7 of monday fits best, but score 0.60 < 0.96 needed for precision 0.99 "
        "in this uncalibrated map"
    )
    of_map = replace(LEARNED, of_map=True)
    assert judged([learned(0.6)], CONFIG, of_map)[1].endswith("for precision 0.99 in this map")
    rivals = [learned(0.97, number=1, x=0.0), learned(0.9, number=2, x=500.0)]
    assert judged(rivals, CONFIG, LEARNED)[0] is Verdict.AMBIGUOUS


@pytest.mark.parametrize(("zoom", "words"), [
    (1.3, "1.3 times closer"), (1 / 1.3, "1.3 times farther"), (2.0, "2.0 times closer"),
])  # fmt: skip
def test_another_distance_to_the_scene_is_ambiguous(zoom, words):
    verdict, reason, _ = judged([candidate(80, zoom=zoom, number=7)])
    assert verdict is Verdict.AMBIGUOUS
    assert "keyframe 7 of monday" in reason
    assert words in reason


@pytest.mark.parametrize("zoom", [1.0, 1.24, 1 / 1.24, math.nan])
def test_a_similar_or_unmeasured_distance_is_accepted(zoom):
    assert judged([candidate(80, zoom=zoom)])[0] is Verdict.ACCEPTED


def test_a_zoom_of_zero_is_put_in_words():
    assert judged([candidate(80, zoom=0.0)])[0] is Verdict.AMBIGUOUS


def test_another_place_of_a_similar_score_is_ambiguous_and_both_are_named():
    near = [candidate(80, number=1, x=0.0), candidate(70, number=2, x=500.0)]
    verdict, reason, probability = judged(near)
    assert verdict is Verdict.AMBIGUOUS
    assert "keyframe 1 of monday (80 inliers) and keyframe 2 (70 inliers)" in reason
    assert probability > 0.9


@pytest.mark.parametrize(("score", "verdict"), [
    (50, Verdict.AMBIGUOUS), (49, Verdict.ACCEPTED),
])  # fmt: skip
def test_a_rival_counts_from_its_part_of_the_best_score(score, verdict):
    config = replace(CONFIG, rival_ratio=0.5)
    rivals = [candidate(100, number=1, x=0.0), candidate(score, number=2, x=500.0)]
    assert judged(rivals, config)[0] is verdict


@pytest.mark.parametrize(("x", "verdict"), [
    (10.0, Verdict.ACCEPTED), (10.1, Verdict.AMBIGUOUS), (-10.1, Verdict.AMBIGUOUS),
])  # fmt: skip
def test_a_neighbor_within_the_radius_is_no_rival(x, verdict):
    pair = [candidate(80, number=1, x=0.0), candidate(79, number=2, x=x)]
    assert judged(pair)[0] is verdict


def test_a_rival_behind_neighbors_is_found():
    row = [candidate(80 - i, number=i, x=float(i)) for i in range(5)]
    rival = candidate(70, number=9, x=500.0)
    verdict, reason, _ = judged([*row, rival])
    assert verdict is Verdict.AMBIGUOUS
    assert "keyframe 9 (70 inliers)" in reason


def test_maps_that_do_not_overlap_have_no_place_in_common():
    """Two floors that look alike; or two drives through one street, each a map."""
    pair = [
        candidate(80, number=1, session="monday"),
        candidate(70, number=5, of="floor2"),
    ]
    assert judged(pair)[0] is Verdict.ACCEPTED
    verdict, reason, _ = judged(pair, replace(CONFIG, maps_overlap=False))
    assert verdict is Verdict.AMBIGUOUS
    assert "and keyframe 5 of floor2/monday (70 inliers) are different places" in reason


def test_only_the_best_rival_is_asked():
    far = [candidate(s, number=n, x=500.0) for n, s in ((2, 60), (3, 59))]
    assert "keyframe 2 (60 inliers)" in judged([candidate(80, x=0.0), *far])[1]


@pytest.mark.parametrize(("candidates", "cause"), [
    ([], Cause.EMPTY_MAP),
    ([candidate(9)], Cause.TOO_LITTLE),
    ([candidate(80, zoom=2.0)], Cause.ZOOM),
    ([candidate(80, number=1, x=0.0), candidate(70, number=2, x=500.0)], Cause.LOOK_ALIKE),
    ([candidate(80)], Cause.NONE),
], ids=lambda given: given.name if isinstance(given, Cause) else "")  # fmt: skip
def test_every_answer_names_what_kept_it_from_being_accepted(candidates, cause):
    judgment = decide(candidates, CONFIG, INLIERS)
    assert judgment.cause is cause
    assert (judgment.verdict is Verdict.ACCEPTED) == (cause is Cause.NONE)


@pytest.mark.parametrize(("left", "right", "same"), [
    (record(x=0.0), record(x=9.0, second=1000), True),
    (record(x=0.0), record(x=11.0, second=1), False),
    (record(second=0), record(second=10), True),
    (record(second=0), record(second=10.1), False),
    (record(second=10.1), record(second=0), False),
    (record(x=0.0, second=0), record(second=5), True),
    (record(x=0.0, second=0), record(second=15), False),
    (record(x=0.0, frame="odom"), record(x=500.0, frame="map", second=5), True),
    (record(x=0.0), record(x=500.0, session="tuesday", second=9999), True),
], ids=[
    "near by pose", "far by pose", "near in time", "far in time", "far back in time",
    "one pose, near in time", "one pose, far in time", "frames differ, near in time",
    "sessions do not compare",
])  # fmt: skip
def test_same_place(left, right, same):
    assert same_place(left, right, CONFIG) is same
    assert same_place(right, left, CONFIG) is same


@pytest.fixture(scope="module")
def line():
    return pipeline.build(PipelineConfig(method="hog_sift"))


EXTRACTOR = pipeline.build(PipelineConfig(method="hog_sift")).extractor


def asked(recognizer, image, stamp_ns, odometry=None):
    return recognizer.answer(Query(EXTRACTOR.extract(image), stamp_ns, odometry))


def settle(line, path, scenes):
    """A map of these scenes, 50 m apart in one drive."""
    with line.continue_map(path) as place_map:
        place_map.begin_session("monday")
        for number, image in enumerate(scenes):
            pose = Pose((50.0 * number, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0), "odom")
            place_map.append(Keyframe(number * 20 * S, line.extractor.extract(image), pose))
        place_map.commit()
    return path


@pytest.fixture(scope="module")
def town(line, scene, tmp_path_factory):
    path = tmp_path_factory.mktemp("maps") / "town.vprmap"
    with line.open_map(settle(line, path, [scene(number) for number in range(8)])) as place_map:
        yield place_map


def seen_again(image, random):
    """The scene in dimmer light, from a hand's breadth aside, by a camera with noise."""
    moved = cv2.warpAffine(image, np.float32([[1, 0, 5], [0, 1, -3]]), image.shape[1::-1])
    noisy = 0.7 * moved + random.normal(0, 4, image.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("number", range(8))
def test_every_place_is_recognized_again(line, town, scene, number):
    image = seen_again(scene(number), np.random.default_rng(number))
    answer = asked(line.recognizer(town), image, 77)
    assert answer.verdict is Verdict.ACCEPTED
    assert answer.candidates[0].keyframe == town.table.records()[number]
    assert answer.stamp_ns == 77


def test_what_is_not_in_the_map_is_unknown(line, town, scene):
    answer = asked(line.recognizer(town), scene(99), 0)
    assert answer.verdict is Verdict.UNKNOWN


def test_candidates_come_best_first_and_no_more_than_asked_for(line, town, scene):
    few = pipeline.build(PipelineConfig(method="hog_sift", decision=DecisionConfig(candidates=3)))
    answer = asked(few.recognizer(town), scene(3), 0)
    scores = [candidate.comparison.score for candidate in answer.candidates]
    assert len(scores) == 3
    assert scores == sorted(scores, reverse=True)
    assert len(asked(line.recognizer(town), scene(3), 0).candidates) == 8


def test_equal_rerank_scores_keep_the_order_of_similarity(line, town, scene):
    features = line.extractor.extract(scene(40))
    without = replace(features, local=features.local.taken(slice(0)))
    answer = line.recognizer(town).answer(Query(without, 0))
    similarities = [candidate.similarity for candidate in answer.candidates]
    assert similarities == sorted(similarities, reverse=True)


def test_a_look_alike_elsewhere_makes_a_place_ambiguous(line, scene, tmp_path):
    path = settle(line, tmp_path / "twins.vprmap", [scene(3), scene(1), scene(3)])
    with line.open_map(path) as twins:
        answer = asked(line.recognizer(twins), scene(3), 0)
    assert answer.verdict is Verdict.AMBIGUOUS
    assert "look alike" in answer.reason


def test_an_empty_map_answers_unknown(line, scene, tmp_path):
    with line.continue_map(tmp_path / "empty.vprmap") as empty:
        answer = asked(line.recognizer(empty), scene(1), 0)
    assert (answer.verdict, answer.candidates) == (Verdict.UNKNOWN, ())
    assert answer.probability == 0.0


def test_every_stage_is_timed_in_the_order_it_ran(line, town, scene):
    timings = asked(line.recognizer(town), scene(1), 0).timings_s
    assert list(timings) == ["retrieve", "load", "rerank", "decide"]
    assert all(seconds >= 0.0 for seconds in timings.values())


def test_one_image_has_one_answer(line, town, scene):
    recognizer = line.recognizer(town)
    first, second = (asked(recognizer, scene(5), 1) for _ in range(2))
    assert replace(first, timings_s={}) == replace(second, timings_s={})


def tracked(line, place_map, **settings):
    """A recognizer that takes the images before into account."""
    values = {"sequence.mode": "filter", **settings}
    config = with_settings(PipelineConfig(method="hog_sift"), values)
    return replace(line, config=config).recognizer(place_map)


def test_with_a_filter_images_are_answered_in_a_row(line, town, scene):
    recognizer = tracked(line, town)
    for number in range(3, 6):
        pose = Pose((50.0 * number, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0), "odom")
        answer = asked(recognizer, scene(number), number * S, pose)
    assert answer.verdict is Verdict.ACCEPTED
    assert answer.candidates[0].keyframe == town.table.records()[5]
    stages = ["retrieve", "load", "rerank", "sequence"]
    assert list(answer.timings_s) == stages
    (likeliest, probability), *others = answer.believed
    assert likeliest == town.table.records()[5].key
    assert probability >= max([0.01, *(share for _, share in others)])


def drive_on(recognizer, scene, numbers):
    """Past scenes that the map has 50 m apart, or one that it does not have, with odometry."""
    answers = []
    for step, number in enumerate(numbers):
        pose = Pose((50.0 * step, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0), "odom")
        answers.append(asked(recognizer, scene(number), step * S, pose))
    return answers


def test_an_image_that_is_enough_by_itself_need_not_wait_for_others(line, town, scene):
    lost, found = drive_on(tracked(line, town), scene, (99, 4))
    assert lost.verdict is Verdict.UNKNOWN
    assert found.verdict is Verdict.ACCEPTED
    assert found.candidates[0].keyframe == town.table.records()[4]
    assert dict(found.believed).get(town.table.records()[4].key, 0.0) < 0.99


def test_an_image_that_contradicts_a_firm_belief_does_wait(line, town, scene):
    *_, carried, again = drive_on(tracked(line, town), scene, (2, 3, 4, 5, 0, 1))
    assert carried.verdict is not Verdict.ACCEPTED
    assert again.verdict is Verdict.ACCEPTED
    assert again.candidates[0].keyframe == town.table.records()[1]


def test_without_a_filter_nothing_is_believed(line, town, scene):
    assert asked(line.recognizer(town), scene(3), 0).believed == ()


def test_the_matches_of_a_keyframe_are_as_many_as_its_inliers(line, town, scene):
    recognizer, image = line.recognizer(town), seen_again(scene(3), np.random.default_rng(3))
    query = line.extractor.extract(image)
    best = recognizer.answer(Query(query, 0)).candidates[0]
    matches = recognizer.matches(query, best)
    assert matches.query.shape == matches.candidate.shape == (best.comparison.inliers, 2)
    moved = np.median(matches.query - matches.candidate, axis=0) * (320, 240)
    np.testing.assert_allclose(moved, [5, -3], atol=0.3)


def test_a_believed_place_leads_though_it_was_not_retrieved(line, town, scene):
    recognizer = tracked(line, town, **{"decision.candidates": 1})
    for number in range(3, 5):
        pose = Pose((50.0 * number, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0), "odom")
        asked(recognizer, scene(number), number * S, pose)
    pose = Pose((250.0, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0), "odom")
    answer = asked(recognizer, scene(99), 5 * S, pose)
    first, *others = answer.candidates
    assert first.keyframe == town.table.records()[5]
    assert first.comparison is None
    assert -1.0 <= first.similarity < 1.0
    assert len(others) == 1


def test_asking_alone_leaves_the_row_as_it_was(line, town, scene):
    first, left = tracked(line, town), tracked(line, town)
    for number in range(2, 5):
        alone = first.answer_alone(Query(EXTRACTOR.extract(scene(7)), 0))
        answers = [asked(each, scene(number), number * S) for each in (first, left)]
    without_times = [replace(answer, timings_s={}) for answer in answers]
    assert without_times[0] == without_times[1]
    single = asked(line.recognizer(town), scene(7), 0)
    assert replace(alone, timings_s={}) == replace(single, timings_s={})


class Higher:
    """Conditions under which all wrong scores are higher, from the first image on."""

    def __init__(self, factor):
        self.factor, self.looks = 1.0, 0
        self._later = factor

    def look(self, descriptor, elsewhere, accepted):
        self.looks, self.factor = self.looks + 1, self._later


@pytest.mark.parametrize("mode", ["off", "filter", "seqslam"])
def test_where_wrong_answers_score_higher_the_next_image_needs_more(line, town, scene, mode):
    configured = replace(line, config=with_settings(line.config, {"sequence.mode": mode}))
    needed = configured.calibrator.of(town).calibration.needed_score(0.99)
    conditions = Higher(2.0)
    raised = configured.recognizer(town, conditions=conditions)
    first = raised.answer_alone(Query(EXTRACTOR.extract(scene(99)), 0))
    assert f"< {math.ceil(needed)} needed" in first.reason
    asked(raised, scene(3), 0)
    answer = raised.answer_alone(Query(EXTRACTOR.extract(scene(99)), S))
    assert f"< {math.ceil(2.0 * needed)} needed" in answer.reason
    assert conditions.looks == 1  # what is asked alone is not kept


def test_seqslam_needs_no_odometry(line, town, scene):
    recognizer = tracked(line, town, **{"sequence.mode": "seqslam", "sequence.seqslam_length": 3})
    for number in range(2, 6):
        answer = asked(recognizer, scene(number), 20 * number * S)
    assert answer.candidates[0].keyframe == town.table.records()[5]


def test_without_a_filter_odometry_changes_nothing(line, town, scene):
    pose = Pose((0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0), "odom")
    answers = [asked(line.recognizer(town), scene(2), 5, each) for each in (None, pose)]
    assert replace(answers[0], timings_s={}) == replace(answers[1], timings_s={})
