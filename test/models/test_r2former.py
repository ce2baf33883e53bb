# SPDX-License-Identifier: Apache-2.0
"""R2Former against the numbers of its authors' code, under weights that anyone can regenerate."""

import numpy as np
import pytest
from r2former_samples import RERANKER, SHAPES, golden, noise

torch = pytest.importorskip("torch", reason="the networks need PyTorch")
pytest.importorskip("timm", reason="the networks need timm")

from r2former_networks import filled, filled_reranker  # noqa: E402

from vpr_ros.errors import ConfigError  # noqa: E402
from vpr_ros.models import NETWORKS  # noqa: E402
from vpr_ros.models.r2former import R2Former, Repairs, resize_positions  # noqa: E402

GOLDEN = golden()


@pytest.fixture(autouse=True)
def no_gradients():
    with torch.inference_mode():
        yield


@pytest.fixture(scope="module")
def deit_small():
    return filled(R2Former())


@pytest.fixture(scope="module")
def reranker():
    return filled_reranker()


def repaired(network, **repairs):
    """The same weights with some oddities repaired."""
    other = R2Former(repairs=Repairs(**repairs))
    other.load_state_dict(network.state_dict())
    return other.eval()


def described(network, images):
    return network(torch.from_numpy(images))


def patch_numbers(rows, height, width):
    """(column, row) of every local feature, int [B, K, 2]."""
    return np.rint((rows[..., :2] * max(height, width) - 8) / 16).astype(int)


def by_patch(network, image):
    """Local features of one image by (column, row)."""
    rows = described(network, image)["local_features"][0].numpy()
    patches = patch_numbers(rows, *image.shape[-2:]).tolist()
    return {tuple(patch): row[3:] for patch, row in zip(patches, rows, strict=True)}


def check_golden(case, outputs, height, width):
    """The tolerances leave room for other processors, not for other formulas."""
    descriptors = outputs["global_descriptor"].numpy()
    np.testing.assert_allclose(descriptors, GOLDEN[f"{case}_global"], rtol=0, atol=1e-5)
    rows = outputs["local_features"].numpy()
    tokens = GOLDEN[f"{case}_local_tokens8_full"]
    np.testing.assert_allclose(rows[:, :8], tokens, rtol=0, atol=1e-3)
    attention = GOLDEN[f"{case}_local_attention"]
    np.testing.assert_allclose(rows[..., 2], attention, rtol=0, atol=1e-5)
    patches = GOLDEN[f"{case}_local_colrow"].astype(int)
    norms = GOLDEN[f"{case}_local_token_norms"]
    for image, found in enumerate(patch_numbers(rows, height, width)):
        # Late patches of nearly equal attention may change places.
        np.testing.assert_array_equal(found[:32], patches[image, :32])
        expected = dict(zip(map(tuple, patches[image].tolist()), norms[image], strict=True))
        lengths = np.linalg.norm(rows[image, :, 3:], axis=1)
        actual = dict(zip(map(tuple, found.tolist()), lengths, strict=True))
        assert actual == pytest.approx(expected, rel=0, abs=1e-3)


def check_reranked(case, reranker, outputs, pairs):
    rows = outputs["local_features"]
    for left, right in pairs:
        name = f"{case}_rerank_{left}{right}"
        logits = reranker.logits(rows[left, None], rows[right, None])
        np.testing.assert_allclose(logits, GOLDEN[f"{name}_logits"], rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", list(SHAPES))
def test_keys_and_shapes_are_the_published_ones(name):
    with torch.device("meta"):
        parts = {"": name, RERANKER: "r2former_reranker"}
        found = {
            prefix + key: list(value.shape)
            for prefix, part in parts.items()
            for key, value in NETWORKS[part].make(NETWORKS[part].spec.settings).state_dict().items()
        }
    assert found == SHAPES[name]


def test_deit_small(deit_small, reranker):
    outputs = described(deit_small, noise(480, 640))
    check_golden("main", outputs, 480, 640)
    check_reranked("main", reranker, outputs, [(0, 1), (1, 0), (0, 0), (1, 1)])


@pytest.mark.parametrize(
    ("height", "width"), [(240, 320), (448, 448), (640, 480), (512, 704), (500, 650)]
)
def test_other_input_sizes(deit_small, height, width):
    image = noise(height, width, seed=height * 10000 + width, batch=1)
    check_golden(f"res{height}x{width}", described(deit_small, image), height, width)


def test_deit_base(reranker):
    outputs = described(filled(R2Former("deit_base")), noise(480, 640))
    check_golden("base", outputs, 480, 640)
    check_reranked("base", reranker, outputs, [(0, 1)])


def test_resnet50(reranker):
    outputs = described(filled(R2Former("resnet50"), resnet=True), noise(480, 640))
    check_golden("resnet50", outputs, 480, 640)
    check_reranked("resnet50", reranker, outputs, [(0, 1), (0, 0)])


def test_unknown_backbone():
    with pytest.raises(ConfigError, match="backbone = 'vgg': choose one of deit_small"):
        R2Former("vgg")


def test_number_of_local_features(deit_small):
    few = R2Former(num_local=7)
    few.load_state_dict(deit_small.state_dict())
    image = noise(96, 128, batch=1)
    rows = described(few.eval(), image)["local_features"]
    all_rows = described(deit_small, image)["local_features"]
    assert all_rows.shape == (1, 48, 131)  # no more patches than there are
    torch.testing.assert_close(rows, all_rows[:, :7])


def test_published_features_are_those_of_two_patches_before(deit_small):
    image = noise(240, 320, batch=1)
    published = by_patch(deit_small, image)
    own = by_patch(repaired(deit_small, own_tokens=True), image)
    assert len(published) == len(own) == 300
    for x, y in (patch for patch in published if patch[0] >= 2):
        np.testing.assert_allclose(published[x, y], own[x - 2, y], rtol=0, atol=1e-5)


def test_true_grid_is_not_skewed(deit_small):
    """Ten columns of pixels that fill no patch change nothing but the unit of u and v."""
    wide = noise(480, 650, batch=1)
    exact = described(deit_small, np.ascontiguousarray(wide[..., :640]))
    true = described(repaired(deit_small, true_grid=True), wide)
    published = described(deit_small, wide)
    torch.testing.assert_close(true["global_descriptor"], exact["global_descriptor"])
    scaled = true["local_features"].clone()
    scaled[..., :2] *= 650 / 640
    torch.testing.assert_close(scaled, exact["local_features"], rtol=0, atol=1e-4)
    assert (published["global_descriptor"] - exact["global_descriptor"]).abs().max() > 1e-4
    columns = patch_numbers(published["local_features"].numpy(), 480, 650)[..., 0]
    assert columns.max() == 40  # of a grid that has the columns 0 to 39


def test_smaller_position_tables_are_cut_from_the_middle():
    plane = torch.arange(30 * 40.0).reshape(1, 1, 30, 40)
    torch.testing.assert_close(resize_positions(plane, 10, 20), plane[:, :, 10:20, 10:30])
    # The square comes first: a full width needs a height of 40, which the table has not.
    assert resize_positions(plane, 30, 40).shape == (1, 1, 30, 40)
    assert not torch.equal(resize_positions(plane, 30, 40), plane)
