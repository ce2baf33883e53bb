# SPDX-License-Identifier: Apache-2.0
"""SUP-VPR's map stage: taught by maps, and the same on numpy as in torch."""

from contextlib import ExitStack
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

from vpr_ros.cli.main import main
from vpr_ros.datatypes import Features, Keyframe, LocalFeatures
from vpr_ros.errors import MapError, TrainingError
from vpr_ros.models import network_of
from vpr_ros.models.sup_vpr import MapStage as TorchStage
from vpr_ros.place_map import MapSet, MapStage, PlaceMap
from vpr_ros.training.losses import info_nce
from vpr_ros.training.papers.map_stage import (
    MapStageRecipe,
    hard_negatives,
    mean_similarity,
    train_map_stage,
    write_map_stage,
)

DIM = 32
SPEC = replace(network_of("r2former_tiny").spec, global_dim=DIM, local_dim=4, weights_sha256="0")
NOTHING = LocalFeatures(
    np.zeros((0, 2), np.float32), np.zeros(0, np.float32), np.zeros((0, 4), np.float32), (8, 8)
)


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


def floors(seed=0, maps=4, places=60):
    """Descriptors of maps, [M, 2 P, D], and of the same places at another time, [M, P, D].

    All maps share their looks but for little; the light differs from image to image. Every place is
    mapped twice, one view after the other.
    """
    random = np.random.default_rng(0)
    kinds, lights = random.standard_normal((6, DIM)), random.standard_normal((4, DIM))
    shape = (maps, places, DIM)
    views = kinds[random.integers(6, size=shape[:2])] + 0.5 * random.standard_normal(shape)
    views = views + 0.4 * random.standard_normal((maps, 1, DIM))
    random = np.random.default_rng(seed)

    def seen():
        light = 0.6 * random.standard_normal((maps, places, 4)) @ lights
        return unit(views + light + 0.1 * random.standard_normal(shape))

    mapped = np.stack([seen(), seen()], axis=2)
    return mapped.reshape(maps, 2 * places, DIM), seen()


@pytest.fixture
def maps(tmp_path):
    """The floors as files."""
    with ExitStack() as opened:
        found = []
        for number, rows in enumerate(floors()[0]):
            place_map = PlaceMap.create(tmp_path / f"floor{number}.vprmap", SPEC)
            opened.enter_context(place_map)
            for stamp, row in enumerate(rows):
                place_map.append(Keyframe(stamp + 1, Features(row, NOTHING)))
            place_map.commit()
            found.append(place_map)
        yield found


def test_numpy_computes_what_torch_does(tmp_path):
    torch.manual_seed(0)
    recipe = MapStageRecipe(blocks=3, heads=4, tau=0.2)
    stage = TorchStage(DIM, recipe.blocks, recipe.heads, recipe.tau)
    for parameter in stage.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    path = tmp_path / "stage.npz"
    write_map_stage(path, stage, recipe, "model")
    prototypes, queries = floors()[0].reshape(-1, DIM)[::7], floors(1)[1][0]
    owners = np.repeat(np.eye(3, dtype=bool), len(prototypes) // 3 + 1, axis=1)
    owners = owners[:, : len(prototypes)]
    prior = np.array([0.2, 0.5, 0.2, 0.1])
    tensors = (torch.from_numpy(each) for each in (prototypes, owners.astype(np.float32)))
    expected = stage(torch.from_numpy(queries), *tensors, torch.from_numpy(prior).float())
    read = MapStage.read(path, "model")
    found = [read.posterior(each, prototypes, owners, prior) for each in queries]
    np.testing.assert_allclose(found, expected["probabilities"].detach(), atol=2e-5)


def test_maps_teach_which_is_which(maps, tmp_path):
    recipe, told = MapStageRecipe(blocks=1, heads=4, steps=300, learning_rate=1e-3), []
    path = tmp_path / "stage.npz"
    write_map_stage(path, train_map_stage(maps, recipe, told.append), recipe, SPEC.space)
    assert told[-1].startswith("maps 300/300  loss ")
    stage = MapStage.read(path, SPEC.space)
    joined, again = MapSet(maps[0], maps[1:], stage), floors()[1]
    likeliest = [
        next(iter(joined.search(row, 3).maps.probabilities)) == str(maps[number].path)
        for number, rows in enumerate(again)
        for row in rows
    ]
    assert np.mean(likeliest) > 0.85
    found = joined.search(floors()[0][2, 7], 3)
    assert found.keys[0] == maps[2].table.key(7)
    assert found.similarities[0] == pytest.approx(1.0)
    assert sum(found.maps.probabilities.values()) + found.maps.none == pytest.approx(1.0)
    assert MapSet(maps[0], maps[1:]).search(floors()[0][2, 7], 3).maps is None


def test_what_teaches_nothing(maps, tmp_path):
    with pytest.raises(TrainingError, match="give two at least"):
        train_map_stage(maps[:1], MapStageRecipe(), print)
    with pytest.raises(TrainingError, match="heads = 5: 32 values"):
        train_map_stage(maps, MapStageRecipe(heads=5), print)
    with ExitStack() as opened:
        lonely = [PlaceMap.create(tmp_path / f"{n}.vprmap", SPEC) for n in "ab"]
        for each in lonely:
            opened.enter_context(each)
            each.append(Keyframe(1, Features(floors()[0][0, 0], NOTHING)))
        with pytest.raises(TrainingError, match="map every route twice"):
            train_map_stage(lonely, MapStageRecipe(heads=4), print)


def test_files_that_are_no_stage_of_this_model(maps, tmp_path):
    path = tmp_path / "stage.npz"
    path.write_bytes(b"nothing")
    with pytest.raises(MapError, match=r"stage\.npz: no map stage"):
        MapStage.read(path, "model")
    write_map_stage(path, TorchStage(DIM, 1, 4), MapStageRecipe(blocks=1, heads=4), "other")
    with pytest.raises(MapError, match="trained with another model's descriptors"):
        MapStage.read(path, "model")


def test_from_the_command_line(tmp_path, capsys):
    for name, code in (("stage.txt", 2), ("stage.npz", 2)):
        assert main(["train-maps", str(tmp_path), "-o", str(tmp_path / name)]) == code
    said = capsys.readouterr().err
    assert "stage.txt: name it *.npz" in said
    assert "no map (*.vprmap) in this folder" in said


def units(*shape):
    return functional.normalize(torch.randn(*shape, DIM), dim=-1)


@pytest.mark.parametrize("count", [2, 3, 40])
def test_the_mean_similarity_needs_no_pairs(count):
    city = units(count)
    products = city.double() @ city.double().T
    pairs = [products[i, j] for i in range(count) for j in range(count) if i != j]
    assert mean_similarity(city) == pytest.approx(float(torch.stack(pairs).mean()), abs=1e-6)
    assert mean_similarity(city[:1]) == 1.0


def test_negatives_are_as_alike_as_the_city_is():
    anchor = functional.one_hot(torch.tensor(0), DIM).float()
    likeness = torch.tensor([0.99, 0.6, 0.1, 0.52, -0.5])
    rest = functional.one_hot(torch.tensor(1), DIM).float()
    others = likeness[:, None] * anchor + (1 - likeness[:, None] ** 2).sqrt() * rest
    assert hard_negatives(anchor, others, 0.5, 2).tolist() == [3, 1]
    assert sorted(hard_negatives(anchor, others, 0.5, 9).tolist()) == [0, 1, 2, 3, 4]
    # Where nothing exceeds the mean, they are the nearest ones, too.
    assert hard_negatives(anchor, others, 1.0, 2).tolist() == [0, 1]


def test_info_nce_is_cross_entropy():
    query, positive, negatives = units(6), units(6), units(6, 5)
    every = torch.cat([positive[:, None], negatives], dim=1)
    logits = torch.einsum("bd,bcd->bc", query, every) / 0.2
    expected = functional.cross_entropy(logits, torch.zeros(6, dtype=torch.long))
    torch.testing.assert_close(info_nce(query, positive, negatives, tau=0.2), expected)
    nearer = functional.normalize(negatives + 0.5 * query[:, None], dim=-1)
    assert info_nce(query, positive, nearer, tau=0.2) > expected
