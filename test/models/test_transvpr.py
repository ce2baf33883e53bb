# SPDX-License-Identifier: Apache-2.0
"""TransVPR against the numbers of its authors' code, under weights that anyone can regenerate."""

import cv2
import numpy as np
import pytest
from transvpr_samples import SHAPES, features, golden, grid, noise, views, weight

from vpr_ros.config import HomographyConfig
from vpr_ros.errors import ConfigError
from vpr_ros.rerankers.homography import HomographyReranker, PatchGrid, reference_pairs

torch = pytest.importorskip("torch", reason="the networks need PyTorch")

from vpr_ros.models import NETWORKS  # noqa: E402
from vpr_ros.models.transvpr import TransVPR, Wiring, fuse_masks  # noqa: E402

GOLDEN = golden()


def filled(network, sharp=False):
    state = network.state_dict()
    made = {
        key: torch.from_numpy(np.array(weight(key, value.shape, sharp)))
        for key, value in state.items()
    }
    network.load_state_dict(made)
    return network.eval()


@pytest.fixture(scope="module")
def network():
    return filled(TransVPR())


@pytest.fixture(autouse=True)
def no_gradients():
    with torch.inference_mode():
        yield


def images(height, width):
    return torch.from_numpy(noise(height, width))


def test_keys_and_shapes_are_the_published_ones():
    state = TransVPR().state_dict()
    assert {key: list(value.shape) for key, value in state.items()} == SHAPES
    assert len(SHAPES) == 109


@pytest.mark.parametrize(
    ("case", "size", "sharp"),
    [
        ("A_384x384", (384, 384), False),
        ("A_480x640", (480, 640), False),
        ("S_384x384", (384, 384), True),
    ],
)
def test_every_number_equals_the_reference(case, size, sharp):
    network, image = filled(TransVPR(), sharp), images(*size)
    found = network.describe(image)
    levels = torch.stack(network.transformer(network.patch_tokens(image)), dim=1)
    near = np.testing.assert_allclose
    near(found.global_descriptor, GOLDEN[f"{case}/global"], rtol=0, atol=1e-6)
    near(found.masks, GOLDEN[f"{case}/masks"], rtol=1e-5, atol=0)
    near(found.fused, GOLDEN[f"{case}/fused"], rtol=0, atol=5e-5)
    near(levels[:, :, 1:9, :16], GOLDEN[f"{case}/tokens_8x16"], rtol=0, atol=1e-4)
    near(levels[:, :, 0, :16], GOLDEN[f"{case}/cls_16"], rtol=0, atol=1e-4)
    patches = levels[:, :, 1:].double()
    near(patches.mean(dim=(2, 3)), GOLDEN[f"{case}/level_mean"], rtol=0, atol=1e-6)
    near(patches.std(dim=(2, 3), correction=0), GOLDEN[f"{case}/level_std"], rtol=1e-6)


@pytest.fixture(scope="module")
def four_views(network):
    """What the network says of a query, two views of its scene and another scene."""
    with torch.inference_mode():
        outputs = network(torch.from_numpy(views()))
    return {name: value.numpy() for name, value in outputs.items()}


def test_views_are_described_as_by_the_reference(four_views):
    descriptors, local = four_views["global_descriptor"], four_views["local_features"]
    np.testing.assert_allclose(descriptors, GOLDEN["E2E/global"], rtol=0, atol=1e-6)
    np.testing.assert_allclose(local[:, :, 2], GOLDEN["E2E/fused"], rtol=0, atol=5e-5)
    np.testing.assert_allclose(local[0, :, :2] * 640, grid(480, 640), rtol=0, atol=1e-4)
    distances = ((descriptors[1:] - descriptors[0]) ** 2).sum(axis=1)
    np.testing.assert_allclose(distances, GOLDEN["E2E/l2sq"], rtol=1e-3)


@pytest.mark.parametrize("tau", [0.02, 0.2])
def test_scores_of_views_equal_the_reference(four_views, tau):
    local = four_views["local_features"]
    query, *candidates = (features(each[:, 3:], each[:, 2], 480, 640) for each in local)
    kept = [int((each[:, 2] > np.float32(tau)).sum()) for each in local]
    assert kept == GOLDEN[f"E2E/kept_tau{tau}"].tolist()
    for number, candidate in enumerate(candidates, start=1):
        pairs = np.stack(reference_pairs(query.local, candidate.local, tau), axis=1)
        np.testing.assert_array_equal(pairs, GOLDEN[f"E2E/match_tau{tau}_{number}"])
    config = HomographyConfig(rule="reference")
    found = HomographyReranker(config, PatchGrid(640, 480, 16, tau)).compare(query, candidates)
    scores = [each.inliers for each in found]
    name = f"CV_{cv2.__version__}/E2E_tau{tau}"
    assert scores[0] == GOLDEN[f"E2E/scores_tau{tau}"][0]
    if name in GOLDEN:
        assert scores == GOLDEN[name].tolist()


@pytest.mark.parametrize("level", range(7))
def test_any_level_can_be_matched(network, level):
    variant = TransVPR(Wiring(patch_level=level))
    variant.load_state_dict(network.state_dict())
    image = images(64, 96)
    found = variant.eval().describe(image)
    raw = network.patch_tokens(image)
    expected = [raw, *(each[:, 1:] for each in network.transformer(raw))][level]
    torch.testing.assert_close(found.patches, expected)
    torch.testing.assert_close(found.global_descriptor, network.describe(image).global_descriptor)


@pytest.mark.parametrize("rows", [(0,), (1,), (2,), (0, 1), (2, 0, 1)])
def test_any_masks_can_select(network, rows):
    variant = TransVPR(Wiring(masks=rows))
    variant.load_state_dict(network.state_dict())
    found = variant.eval().describe(images(64, 96))
    masks = found.masks[:, list(rows)].double()
    low, high = masks.amin(2, keepdim=True), masks.amax(2, keepdim=True)
    total = ((masks - low) / (high - low)).sum(1)
    low, high = total.amin(1, keepdim=True), total.amax(1, keepdim=True)
    torch.testing.assert_close(
        found.fused.double(), (total - low) / (high - low), atol=1e-4, rtol=0
    )


def test_without_masks_every_patch_is_a_key_patch(network):
    fused = TransVPR(Wiring(masks=())).eval().describe(images(64, 96)).fused
    assert fused.shape == (2, 24)
    assert bool((fused == 1).all())


def pooled_by_hand(network, name, levels):
    """The ablation's strategies, one image and one mask at a time, in float64."""
    pool = network.pool.double()
    weights, bias, reduce = pool.attention_pool.weight, pool.attention_pool.bias, pool.fc[1]
    chosen = levels[-1:] if name == "sL-sATT" else levels  # each [N, 256]
    together = torch.cat(list(chosen), dim=1)
    masks, parts = [], []
    for row in range(len(weights)):
        seen = chosen[row] if name == "mL-mATT-plain" else together
        weighed = chosen[row] if name.startswith("mL-mATT") else together
        mask = torch.softmax(seen @ weights[row] + bias[row], dim=0)
        masks.append(mask)
        parts.append(mask @ weighed)
    summed = torch.cat(parts)
    projected = reduce(summed / summed.norm())
    return projected / projected.norm(), torch.stack(masks)


@pytest.mark.parametrize("name", ["mL-mATT", "mL-mATT-plain", "mL-sATT", "sL-sATT"])
def test_aggregations(name):
    single = (0,) if name.endswith("sATT") else (0, 1, 2)
    network = filled(TransVPR(Wiring(aggregation=name, masks=single)), sharp=True)
    image = images(64, 96)
    found = network.describe(image)
    levels = [each[:, 1:].double() for each in network.transformer(network.patch_tokens(image))]
    for number in range(2):
        chosen = [levels[level][number] for level in (1, 3, 5)]
        descriptor, masks = pooled_by_hand(network, name, chosen)
        torch.testing.assert_close(
            found.global_descriptor[number].double(), descriptor, atol=1e-6, rtol=0
        )
        torch.testing.assert_close(found.masks[number].double(), masks, atol=1e-7, rtol=1e-5)


def test_table_makes_every_variant():
    for name, network in NETWORKS.items():
        if name.startswith("transvpr"):
            made = network.make(network.spec.settings).eval()
            outputs = made(images(64, 96))
            assert outputs["global_descriptor"].shape == (2, network.spec.global_dim)
            assert outputs["local_features"].shape == (2, 24, 3 + network.spec.local_dim)
    masked = {**NETWORKS["transvpr"].spec.settings, "mask_low": 0.0, "patch_level": 6.0}
    assert NETWORKS["transvpr"].make(masked)._wiring == Wiring(patch_level=6, masks=(1, 2))


def test_a_constant_mask_is_nan_as_published_unless_an_epsilon_is_set():
    masks = torch.tensor([[[0.25, 0.25, 0.25, 0.25], [0.1, 0.2, 0.3, 0.4]]])
    assert bool(fuse_masks(masks, (0, 1)).isnan().all())
    torch.testing.assert_close(
        fuse_masks(masks, (0, 1), 1e-9), torch.tensor([[0.0, 1 / 3, 2 / 3, 1.0]])
    )


def test_training_is_random_and_evaluation_is_not(network):
    image = images(64, 96)
    torch.testing.assert_close(network(image), network(image), atol=0, rtol=0)
    trained = TransVPR()
    trained.load_state_dict(network.state_dict())
    first, second = (trained.train().describe(image).global_descriptor for _ in range(2))
    assert not torch.allclose(first, second)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"patch_level": 7}, "patch_level = 7: must be between 0 and 6"),
        ({"patch_level": -1}, "patch_level = -1"),
        ({"masks": (3,)}, r"masks = \(3,\): mL-mATT has 0 to 2"),
        ({"aggregation": "mean"}, "aggregation = 'mean': choose one of mL-mATT, "),
    ],
)
def test_impossible_wirings(settings, said):
    with pytest.raises(ConfigError, match=said):
        TransVPR(Wiring(**settings))


@pytest.mark.parametrize("size", [(479, 640), (480, 650), (8, 8)])
def test_sizes_off_the_grid(network, size):
    with pytest.raises(ConfigError, match=f"input {size[1]}x{size[0]}.* multiples of 16"):
        network(torch.zeros(1, 3, *size))
