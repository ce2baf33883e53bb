# SPDX-License-Identifier: Apache-2.0
"""From images to rankings: as brute force has it, each image described once, flaws counted."""

import numpy as np
import pytest
from retrieval_samples import drawn_set

from vpr_ros.config import PipelineConfig, with_settings
from vpr_ros.errors import DatasetError
from vpr_ros.evaluation.retrieval_set import Relevance
from vpr_ros.evaluation.runner import Task, Variant, hidden_by_all, run_all
from vpr_ros.evaluation.scores import RERANKED, RETRIEVAL, score
from vpr_ros.pipeline import build

BASE = Variant("base", with_settings(PipelineConfig(method="hog_sift"), {"decision.candidates": 5}))


def more(count):
    return Variant(f"{count}", with_settings(BASE.config, {"decision.candidates": count}))


def test_recall_of_retrieval_is_brute_force(tmp_path):
    """Independent of the runner: descriptors of a loop, a product, a sort."""
    data = drawn_set()
    (run,) = run_all(Task(data, tmp_path), [BASE])
    result = score(data, run, (1, 2, 3, 5))
    extractor = build(BASE.config).extractor

    def described(source):
        images = [source.read(index) for index in range(len(source.names))]
        return np.array([extractor.extract(each).global_descriptor for each in images])

    products = described(data.queries) @ described(data.database).T
    orders = np.argsort(-products, axis=1, kind="stable")
    positives = data.relevance["drawn"].positives
    for count in (1, 2, 3, 5):
        rows = zip(orders, positives, strict=True)
        found = [bool(np.isin(order[:count], right).any()) for order, right in rows]
        assert result.score(RETRIEVAL).recall[count].mean == np.mean(found)
    assert [each.images.tolist() for each in run.before] == orders.tolist()
    assert 0.1 < result.score(RETRIEVAL).recall[1].mean < 1.0  # or nothing would be shown
    assert result.score(RERANKED).recall[1].mean >= result.score(RETRIEVAL).recall[1].mean


def test_candidate_counts_share_one_run_and_change_nothing(tmp_path):
    data = drawn_set()
    together = run_all(Task(data, tmp_path), [BASE, more(2), more(8)])
    for run in together:
        (alone,) = run_all(Task(data, tmp_path), [run.variant])
        pairs = zip(run.after, alone.after, strict=True)
        assert all(one.images.tolist() == other.images.tolist() for one, other in pairs)
    assert [run.variant.name for run in together] == ["base", "2", "8"]
    assert (together[1].seconds["rerank"] <= together[2].seconds["rerank"]).all()


def test_nothing_is_described_twice(tmp_path):
    data = drawn_set()
    run_all(Task(data, tmp_path), [BASE])
    before = data.queries.read_count, data.database.read_count
    run_all(Task(data, tmp_path), [BASE, more(8)])
    # Some are looked at to tell whether these are the same images.
    assert data.queries.read_count - before[0] <= 30
    assert len(list(tmp_path.glob("*/*.sqlite"))) == 2


def test_settings_that_a_map_may_mix_are_kept_apart(tmp_path):
    few = Variant("few", with_settings(BASE.config, {"sift.max_keypoints": 20}))
    (one, other) = run_all(Task(drawn_set(), tmp_path), [BASE, few])
    assert one.spec.space == other.spec.space
    assert other.place_bytes < one.place_bytes


def test_a_drive_in_itself_is_described_once(tmp_path):
    data = drawn_set(itself=True)
    run_all(Task(data, tmp_path), [BASE])
    assert len(list(tmp_path.glob("*/*.sqlite"))) == 1


def test_broken_images_are_left_out(tmp_path):
    data, told = drawn_set(broken_database=(3,), broken_queries=(1, 4)), []
    (run,) = run_all(Task(data, tmp_path, on_error=told.append), [BASE])
    result = score(data, run, (1,))
    assert len(told) == 3
    assert run.broken_database.tolist() == [3]
    assert run.broken_queries.tolist() == [1, 4]
    assert not any(3 in each.images for each in run.after)
    # Database image 3 is all that is right for query 3.
    assert result.left_out == 3
    assert result.score(RETRIEVAL).queries == len(data.queries.names) - 3


def test_no_image_at_all_is_an_error(tmp_path):
    data = drawn_set(broken_queries=range(12))
    with pytest.raises(DatasetError, match="none of 12 queries images can be used"):
        run_all(Task(data, tmp_path, on_error=lambda error: None), [BASE])


def test_no_positives_are_an_error(tmp_path):
    data = drawn_set()
    data.relevance["drawn"] = Relevance(tuple(np.zeros(0, np.int64) for _ in range(12)))
    (run,) = run_all(Task(data, tmp_path), [BASE])
    with pytest.raises(DatasetError, match="no query has a positive by the rule 'drawn'"):
        score(data, run, (1,))


def test_only_what_all_rules_ignore_is_hidden():
    data = drawn_set()
    positives = data.relevance["drawn"].positives
    one = tuple(np.array([1, 2, 3]) for _ in positives)
    other = tuple(np.array([2, 3, 4]) for _ in positives)
    data.relevance.clear()
    data.relevance["easy"] = Relevance(positives, one)
    assert hidden_by_all(data)[0].tolist() == [1, 2, 3]
    data.relevance["hard"] = Relevance(positives, other)
    assert hidden_by_all(data)[0].tolist() == [2, 3]
    data.relevance["plain"] = Relevance(positives)
    assert hidden_by_all(data) == []


def test_ignored_images_make_room_for_others(tmp_path):
    data = drawn_set(itself=True)
    count = len(data.queries.names)
    ignored = tuple(np.array([index]) for index in range(count))
    positives = data.relevance["drawn"].positives
    data.relevance["drawn"] = Relevance(positives, ignored)
    (run,) = run_all(Task(data, tmp_path, depth=3), [BASE])
    assert all(index not in each.images for index, each in enumerate(run.after))
    assert {len(each.images) for each in run.after} == {5}
