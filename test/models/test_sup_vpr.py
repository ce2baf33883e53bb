# SPDX-License-Identifier: Apache-2.0
"""SUP-VPR's descriptor: what its fusion is, what it ranks by, and which files it is made from."""

import pytest

torch = pytest.importorskip("torch", reason="the networks need PyTorch")
pytest.importorskip("timm", reason="the backbones are timm's")

from dinov2_samples import official_state  # noqa: E402
from torch.nn import functional  # noqa: E402

from vpr_ros.errors import WeightsError  # noqa: E402
from vpr_ros.models import NETWORKS  # noqa: E402
from vpr_ros.models.sup_vpr import Fusion, SupVpr  # noqa: E402
from vpr_ros.models.weights import contents, load  # noqa: E402
from vpr_ros.models.weights_file import read_weights  # noqa: E402


@pytest.fixture(autouse=True)
def no_gradients():
    with torch.inference_mode():
        yield


def averages(count, dim=32):
    return list(torch.randn(4, count, dim, dtype=torch.float64))


@pytest.fixture
def fusion():
    torch.manual_seed(2)
    made = Fusion(32).double()
    for weight in made.parameters():
        weight.add_(torch.randn_like(weight) / 2)
    return made


def test_the_fused_pair_is_the_sum_of_two_fused_images(fusion):
    """Equation 1, with its element-wise sum of both images at every depth."""
    query, reference = averages(1), averages(5)
    pair = sum(
        gamma * (norm(q) + norm(r))
        for gamma, norm, q, r in zip(fusion.gamma, fusion.norms, query, reference, strict=True)
    )
    torch.testing.assert_close(pair, fusion.fused(query) + fusion.fused(reference))


def test_fused_pairs_rank_as_inner_products_do(fusion):
    query, references = fusion(averages(1)), fusion(averages(50))
    energy = (query + references).square().sum(dim=1)
    inner = references @ query[0]
    torch.testing.assert_close(energy, 2 + 2 * inner)
    assert torch.equal(energy.argsort(), inner.argsort())


def test_depths_count_alike_before_training():
    found = averages(3)
    expected = sum(functional.layer_norm(each, (32,), eps=1e-6) for each in found)
    torch.testing.assert_close(Fusion(32).double()(found), functional.normalize(expected, dim=1))


@pytest.fixture(scope="module", params=[False, True], ids=["plain", "registers"])
def registers(request):
    return request.param


@pytest.fixture(scope="module")
def name(registers):
    return "sup_vpr_small_reg" if registers else "sup_vpr_small"


@pytest.fixture(scope="module")
def loaded(file, name):
    return load(file, name)


@pytest.fixture(scope="module")
def file(registers, tmp_path_factory):
    path = tmp_path_factory.mktemp("dinov2") / "dinov2_vits14_pretrain.pth"
    torch.save(official_state(registers), path)
    return path


def test_dinov2_s_files_are_enough(name, file, loaded, tmp_path):
    assert list(contents(read_weights(file))) == [name]
    assert (loaded.spec.method, loaded.spec.global_dim, loaded.spec.local_dim) == (name, 384, 384)
    own = tmp_path / "trained.pth"
    torch.save(loaded.module.state_dict(), own)
    assert load(own, name).spec == loaded.spec


def test_files_that_do_not_fit(registers, name, file, loaded, tmp_path):
    other = "sup_vpr_small" if registers else "sup_vpr_small_reg"
    with pytest.raises(WeightsError, match=f"does not fit {other}: .*reg_token.*; it fits sup_vpr"):
        load(file, other)
    state = loaded.module.state_dict()
    del state["fusion.gamma"]
    path = tmp_path / "damaged.pth"
    torch.save(state, path)
    with pytest.raises(WeightsError, match=r"missing: fusion\.gamma"):
        load(path, name)


def test_what_an_extractor_needs(loaded):
    network = loaded.module
    image = torch.randn(2, 3, 56, 84)
    outputs, levels = network(image), network.levels(image, [3, 6, 9, 12])
    rows = outputs["local_features"]
    means = [each.mean(dim=1) for each in levels.patches]
    torch.testing.assert_close(outputs["global_descriptor"], network.fusion(means))
    assert rows.shape == (2, 24, 387)
    columns = [[14 * (n % 6) + 7, 14 * (n // 6) + 7] for n in range(24)]
    torch.testing.assert_close(rows[1, :, :2] * 84, torch.tensor(columns).float())
    assert bool((rows[..., 2] == 1).all())
    torch.testing.assert_close(rows[..., 3:], functional.normalize(levels.final, dim=-1))


def test_the_table_knows_every_size():
    for name, network in NETWORKS.items():
        if name.startswith("sup_vpr"):
            with torch.device("meta"):
                made = network.make({})
            assert made.dim == network.spec.global_dim == network.spec.local_dim
            assert (made.vit.reg_token is not None) == name.endswith("_reg")
    assert isinstance(made, SupVpr)
