# SPDX-License-Identifier: Apache-2.0
"""APPSVR against sums taken one by one, and against NetVLAD where it must be NetVLAD."""

import pytest

torch = pytest.importorskip("torch", reason="the networks need PyTorch")

from appsvr_samples import SMALL, filled, netvlad_state  # noqa: E402
from torch.nn import functional  # noqa: E402

from vpr_ros.errors import ConfigError, WeightsError  # noqa: E402
from vpr_ros.models.appsvr import DIM, Appsvr, Sizes, from_netvlad  # noqa: E402
from vpr_ros.models.appsvr_attention import (  # noqa: E402
    LocalRefinement,
    SpatialPyramid,
    region_attention,
    regions,
)
from vpr_ros.models.weights import load  # noqa: E402

SIZE = (6, 9)  # no multiple of the finest grid


@pytest.fixture(autouse=True)
def no_gradients():
    with torch.inference_mode():
        yield


def locations(batch=2, seed=3):
    torch.manual_seed(seed)
    return functional.normalize(torch.randn(batch, SIZE[0] * SIZE[1], DIM), dim=-1)


def netvlad(features, weight, bias, centroids):
    """Equation 4 of NetVLAD's paper, one cluster of one image at a time, in float64."""
    images = []
    for image in features.double():
        share = (image @ weight.double().T + bias.double()).softmax(dim=1)
        parts = [
            functional.normalize((share[:, k, None] * (image - c)).sum(0), dim=0)
            for k, c in enumerate(centroids.double())
        ]
        images.append(functional.normalize(torch.cat(parts), dim=0))
    return torch.stack(images)


def of_network(network, features):
    nearness, clusters = network.refinement.nearness, network.refinement.clusters
    return netvlad(
        features, nearness.weight[:clusters], nearness.bias[:clusters], network.centroids
    )


def close(found, expected, tolerance=1e-6):
    torch.testing.assert_close(found.double(), expected.double(), rtol=0, atol=tolerance)


def test_plain_is_netvlad():
    """No shadows, no levels, clusters that weigh the same."""
    network = filled(Sizes(6, 0, 0, 0))
    network.cluster_weights.fill_(1.0)
    features = locations()
    close(network.residuals(features, SIZE)[0], of_network(network, features))


def test_a_pyramid_that_prefers_nothing_is_none():
    network = filled(Sizes(6, 0, 3, 0))
    network.cluster_weights.fill_(1.0)
    network.pyramid.scorers.zero_()
    features = locations()
    close(network.residuals(features, SIZE)[0], of_network(network, features))


def test_shadows_that_equal_their_informative_centroid_change_nothing():
    """Each location then counts half in all clusters."""
    network = filled(Sizes(6, 1, 0, 0))
    network.cluster_weights.fill_(1.0)
    nearness = network.refinement.nearness
    nearness.weight[6:], nearness.bias[6:] = nearness.weight[:6], nearness.bias[:6]
    features = locations()
    close(network.residuals(features, SIZE)[0], of_network(network, features))
    close(network.refinement(features).sum(dim=1), torch.full((2, 54), 0.5))


def test_it_is_not_netvlad_otherwise():
    network, features = filled(Sizes(6, 2, 3, 0)), locations()
    found = network.residuals(features, SIZE)[0]
    assert float((found - of_network(network, features)).abs().max()) > 0.01


def test_the_pyramid_is_one_weight_for_each_location():
    """The same sums, region by region."""
    network, features = filled(Sizes(6, 2, 3, 0)), locations()
    weights = network.refinement(features)
    expected = torch.zeros(2, 6, DIM).double()
    for grid, scorer in zip((1, 2, 4), network.pyramid.scorers, strict=True):
        cells = [
            [n for n in range(54) if (n // 9 * grid // 6, n % 9 * grid // 9) == (row, column)]
            for row in range(grid)
            for column in range(grid)
        ]
        salient = (weights.sum(dim=1)[..., None] * features).double()
        sums = torch.stack([salient[:, cell].sum(dim=1) for cell in cells], dim=1)
        attention = region_attention(sums, scorer.double())
        for number, cell in enumerate(cells):
            residual = features[:, None, cell] - network.centroids[None, :, None]
            part = (weights[..., cell, None] * residual).double().sum(dim=2)
            expected += attention[:, number, None, None] * part / 3
    expected = functional.normalize(expected, dim=-1) * network.cluster_weights[:, None]
    expected = functional.normalize(expected.flatten(1), dim=1)
    found, attention = network.residuals(features, SIZE)
    close(found, expected)
    shares = network.pyramid(features, weights.sum(dim=1), SIZE)
    close(attention, shares * weights.sum(dim=1))
    assert float(shares.std()) > 0.1


def test_shadows_compete_inside_their_own_cluster():
    """The definition, with exponentials."""
    torch.manual_seed(0)
    refinement = LocalRefinement(DIM, 3, 2)
    refinement.log_a.fill_(0.7)
    refinement.log_b.fill_(-0.4)
    features = locations()
    nearness = refinement.nearness(features)
    own, others = nearness[..., :3], nearness[..., 3:].reshape(2, 54, 3, 2)
    a, b = torch.tensor(0.7).exp(), torch.tensor(-0.4).exp()
    alpha = (a * own).exp() / (a * own).exp().sum(-1, keepdim=True)
    beta = (b * own).exp() / ((b * own).exp() + (b * others).exp().sum(-1))
    close(refinement(features), (alpha * beta).transpose(1, 2))


def test_sharp_shadows_do_not_overflow():
    refinement = LocalRefinement(DIM, 3, 2)
    refinement.log_b.fill_(9.0)
    assert bool(refinement(100 * locations()).isfinite().all())


@pytest.mark.parametrize("grid", [1, 2, 4])
def test_every_location_is_of_one_region(grid):
    members = regions((7, 10), grid)
    assert members.shape == (grid * grid, 70)
    assert bool((members.sum(dim=0) == 1).all())
    assert bool((members.sum(dim=1) > 0).all())
    if grid == 4:
        assert members[5].reshape(7, 10).nonzero().tolist() == [
            [row, column] for row in (2, 3) for column in (3, 4)
        ]


@pytest.mark.parametrize("levels", [0, 1])
def test_no_level_and_one_weigh_all_alike(levels):
    pyramid = SpatialPyramid(DIM, levels)
    pyramid.scorers.normal_()
    close(pyramid(locations(), torch.rand(2, 54), SIZE), torch.ones(2, 54))


def test_what_an_extractor_needs():
    image = torch.randn(2, 3, 96, 150)
    network = filled()
    outputs, found = network(image), network.describe(image)
    descriptor, rows = outputs["global_descriptor"], outputs["local_features"]
    assert (descriptor.shape, rows.shape) == ((2, 24), (2, 40, 515))
    close(descriptor.norm(dim=1), torch.ones(2))
    close(rows[..., 3:].norm(dim=2), torch.ones(2, 40), 1e-5)
    assert bool((rows[:, 0, 2] == 1).all())
    assert bool((rows[:, 1:, 2] <= rows[:, :-1, 2]).all())
    column, row = ((rows[0, :, :2] * 150 - 8) / 16).round().long().T
    close(found.attention[0, row * 9 + column], rows[0, :, 2] * found.attention[0].max())
    close(found.sources[0, row * 9 + column], rows[0, :, 3:])


def test_impossible_networks():
    with pytest.raises(ConfigError, match="levels = 4: must be between 0 and 3"):
        Appsvr(Sizes(levels=4))
    with pytest.raises(ConfigError, match="input 64x15: both sides must be 16 at least"):
        filled()(torch.zeros(1, 3, 15, 64))


def test_files_say_their_sizes(tmp_path):
    path = tmp_path / "weights.pth"
    torch.save(filled().state_dict(), path)
    spec = load(path).spec
    expected = {"clusters": 6.0, "shadows": 2.0, "levels": 3.0, "whitened": 24.0}
    assert spec.settings == {"num_local": 500.0, **expected}
    assert (spec.method, spec.global_dim, spec.local_dim) == ("appsvr", 24, 512)


@pytest.mark.parametrize("whitened", [0, 16])
def test_netvlad_s_files_load(whitened, tmp_path):
    path = tmp_path / "weights.pth.tar"
    state = netvlad_state(whitened=whitened)
    torch.save({"epoch": 3, "state_dict": state}, path)
    loaded = load(path)
    assert (loaded.spec.method, loaded.spec.global_dim) == ("appsvr", whitened or 6 * DIM)
    image = torch.randn(1, 3, 64, 96)
    features = loaded.module.locations(image)[0]
    conv = state["pool.conv.weight"].flatten(1)
    expected = netvlad(features, conv, torch.zeros(6), state["pool.centroids"])
    if whitened:
        weight, bias = (state[f"WPCA.0.{each}"].double() for each in ("weight", "bias"))
        expected = functional.normalize(expected @ weight.flatten(1).T + bias, dim=1)
    close(loaded.module(image)["global_descriptor"], expected)


def test_netvlad_s_files_of_several_gpus():
    state = netvlad_state()
    parallel = {
        f"{part}.module.{rest}": value
        for part, _, rest, value in ((*key.partition("."), value) for key, value in state.items())
    }
    found, expected = from_netvlad(parallel), from_netvlad(state)
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[key], expected[key]) for key in expected)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"centroids": torch.zeros(5, DIM)}, "wrong shape: "),
        ({"cluster_weights": None}, "missing: cluster_weights"),
        ({"refinement.nearness.bias": None}, "missing: refinement.nearness.bias"),
        ({"whitening.weight": None}, "missing: whitening.weight"),
        ({"pyramid.scorers": torch.zeros(4, DIM)}, r"pyramid.scorers \[4, 512\] instead of \[3"),
        ({"pool.conv.weight": torch.zeros(6, DIM, 1, 1)}, "unexpected: pool.conv.weight"),
    ],
)
def test_files_that_do_not_fit(change, said, tmp_path):
    state = {**filled().state_dict(), **change}
    path = tmp_path / "weights.pth"
    torch.save({key: value for key, value in state.items() if value is not None}, path)
    with pytest.raises(WeightsError, match=said):
        load(path, "appsvr")


def test_other_files_keep_their_keys():
    state = filled(SMALL).state_dict()
    assert from_netvlad(state) == dict(state)


def test_the_trunk_is_torchvision_s():
    models = pytest.importorskip("torchvision.models", reason="compares with torchvision")
    theirs = models.vgg16().features[:-2].eval()
    network = Appsvr(Sizes(1, 0, 0, 0))
    network.encoder.load_state_dict(theirs.state_dict())
    image = torch.randn(1, 3, 32, 48)
    torch.testing.assert_close(network.encoder(image), theirs(image))
