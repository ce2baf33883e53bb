# SPDX-License-Identifier: Apache-2.0
"""Mined positives and negatives against a search through everything."""

import numpy as np
import pytest

from vpr_ros.errors import ConfigError
from vpr_ros.training.mining import TABLE, Miner, hardest_negatives
from vpr_ros.training.papers.labels import LabeledSet

Q, N = 12, 400
RANDOM = np.random.default_rng(0)


class Names:
    def __init__(self, count):
        self.names = [str(number) for number in range(count)]


def unit(count):
    values = RANDOM.standard_normal((count, 8))
    return (values / np.linalg.norm(values, axis=1, keepdims=True)).astype(np.float32)


QUERIES, DATABASE = unit(Q), unit(N)
POSITIVES = tuple(np.sort(RANDOM.choice(N, 3, replace=False)) for _ in range(Q))
EXCLUDED = tuple(np.union1d(each, RANDOM.choice(N, 40, replace=False)) for each in POSITIVES)
DATA = LabeledSet(Names(Q), Names(N), np.arange(Q), POSITIVES, EXCLUDED)


def mined(mode, negatives=4, seed=0, **options):
    miner = Miner(DATA, mode, negatives, **options)
    rows = miner.round(
        DATA.indices, QUERIES.__getitem__, DATABASE.__getitem__, np.random.default_rng(seed)
    )
    return miner, rows


def hardest(query, count):
    order = np.argsort(-(DATABASE @ QUERIES[query]), kind="stable")
    return [each for each in order.tolist() if each not in EXCLUDED[query]][:count]


@pytest.mark.parametrize("mode", ["partial", "full"])
def test_the_hardest_of_a_pool_that_holds_everything(mode):
    miner, rows = mined(mode)
    for query, row in enumerate(rows):
        best = max(POSITIVES[query], key=lambda each: DATABASE[each] @ QUERIES[query])
        assert row.tolist() == [best, *hardest(query, 4)]
    assert miner.remembered[3] == hardest(3, 4)


@pytest.mark.parametrize("margin", [0.0, 0.3, 2.0])
def test_tuples_are_half_hard_and_half_violating(margin):
    _, rows = mined("violators", negatives=6, margin=margin)
    for query, row in enumerate(rows):
        positive, *negatives = row.tolist()
        assert negatives[:3] == hardest(query, 3)
        assert len(set(negatives)) == 6
        distance = np.linalg.norm(DATABASE - QUERIES[query], axis=1)
        violators = set(np.flatnonzero(distance < distance[positive] + margin).tolist())
        violators -= {*EXCLUDED[query].tolist(), *hardest(query, 3)}
        drawn = set(negatives[3:])
        assert len(drawn & violators) == min(3, len(violators))
        assert drawn - violators <= set(hardest(query, 6))
    again = mined("violators", negatives=6, margin=margin, seed=1)[1]
    assert (margin == 2.0) <= bool((again != rows).any()), "of many, others are drawn"


def test_what_was_hard_stays_in_the_pool(monkeypatch):
    monkeypatch.setattr("vpr_ros.training.mining.POOL", 20)
    miner, first = mined("full")
    second = miner.round(
        DATA.indices, QUERIES.__getitem__, DATABASE.__getitem__, np.random.default_rng(1)
    )
    similarity = [
        np.sort((DATABASE[rows[:, 1:]] * QUERIES[:, None]).sum(axis=2)) for rows in (first, second)
    ]
    assert (similarity[1] >= similarity[0] - 1e-6).all()
    assert (second != first).any()


def test_the_offline_table():
    table = hardest_negatives(DATA, QUERIES.__getitem__, DATABASE.__getitem__)
    assert table.shape == (Q, TABLE)
    assert all(row.tolist() == hardest(query, TABLE) for query, row in enumerate(table))
    _, rows = mined("global", negatives=5, hardness=7, table=table)
    for query, row in enumerate(rows):
        assert set(row[1:]) <= set(hardest(query, 7))
        assert len(set(row[1:])) == 5


def test_random_negatives():
    first, second = (mined("random", seed=seed)[1] for seed in (0, 1))
    for query, row in enumerate(first):
        assert not set(row[1:]) & set(EXCLUDED[query].tolist())
    assert (first[:, 1:] != second[:, 1:]).any()


def test_refusals():
    with pytest.raises(ConfigError, match="mining = 'hard': choose one of partial"):
        Miner(DATA, "hard", 1)
    with pytest.raises(ConfigError, match="needs the table"):
        Miner(DATA, "global", 1)
    everything = tuple(np.arange(N) for _ in range(Q))
    near = LabeledSet(Names(Q), Names(N), np.arange(Q), POSITIVES, everything)
    with pytest.raises(ConfigError, match="0: all of the database is too near to be negative"):
        Miner(near, "random", 1).round(
            near.indices, QUERIES.__getitem__, DATABASE.__getitem__, np.random.default_rng(0)
        )
