# SPDX-License-Identifier: Apache-2.0
"""DINOv2 under both sets of keys and both rules of position, against timm and plain resizing."""

import pytest

torch = pytest.importorskip("torch", reason="the networks need PyTorch")
timm = pytest.importorskip("timm", reason="the backbones are timm's")

from dinov2_samples import official_state  # noqa: E402
from timm.models.vision_transformer import checkpoint_filter_fn  # noqa: E402
from torch.nn.functional import interpolate  # noqa: E402

from vpr_ros.errors import ConfigError  # noqa: E402
from vpr_ros.models.dinov2 import (  # noqa: E402
    Dinov2,
    from_dinov2,
    resize_matrix,
    resized_positions,
)

LINE = torch.randn(1, 1, 37, 2, generator=torch.Generator().manual_seed(0))


@pytest.fixture(autouse=True)
def no_gradients():
    with torch.inference_mode():
        yield


def timm_network(registers):
    name = f"vit_small_patch14_{'reg4_' if registers else ''}dinov2"
    return timm.create_model(name, num_classes=0, dynamic_img_size=True).eval()


@pytest.fixture(scope="module", params=[False, True], ids=["plain", "registers"])
def registers(request):
    return request.param


@pytest.fixture(scope="module")
def pair(registers):
    """Our backbone and timm's, both from a file with Meta's keys."""
    state = official_state(registers)
    ours, theirs = Dinov2("small", registers).eval(), timm_network(registers)
    ours.load_state_dict(from_dinov2(state), strict=True)
    theirs.load_state_dict(checkpoint_filter_fn(dict(state), theirs), strict=True)
    return ours, theirs


def test_keys_are_what_timm_makes_of_them(registers, pair):
    expected = {f"vit.{key}": value for key, value in pair[1].state_dict().items()}
    found = from_dinov2(official_state(registers))
    assert set(found) == set(expected)
    assert all(torch.equal(found[key], expected[key]) for key in expected)
    assert from_dinov2(pair[1].state_dict()).keys() == expected.keys()  # timm's own files
    assert from_dinov2(expected) == expected  # and those of this package


def final_of(network, image):
    prefix = network.num_prefix_tokens
    return network.forward_features(image)[:, prefix:]


@pytest.mark.parametrize("size", [(56, 84)])
def test_with_registers_every_size_is_timm_s(registers, pair, size):
    ours, theirs = pair
    image = torch.randn(1, 3, *size)
    found = ours.levels(image, (3, 12))
    difference = float((found.final - final_of(theirs, image)).abs().max())
    if registers:
        assert difference < 2e-4
        levels = theirs.get_intermediate_layers(image, n=[2, 11], norm=False)
        for level, expected in zip(found.patches, levels, strict=True):
            torch.testing.assert_close(level, expected, rtol=1e-4, atol=2e-4)
    else:
        assert difference > 1e-3  # the official rule is another than timm's


def test_at_518_pixels_nothing_is_resized(registers, pair):
    table = pair[0].vit.pos_embed
    patches = table if registers else table[:, 1:]
    assert resized_positions(patches, (37, 37), not registers) is patches


@pytest.mark.parametrize("grid", [(16, 16), (22, 29), (40, 12)])
def test_positions_by_either_rule(grid):
    torch.manual_seed(0)
    table = torch.randn(1, 37 * 37, 8)
    plane = table.reshape(1, 37, 37, 8).permute(0, 3, 1, 2)
    scales = tuple((each + 0.1) / 37 for each in grid)
    official = interpolate(plane, scale_factor=scales, mode="bicubic")
    exact = interpolate(plane, size=grid, mode="bicubic", antialias=True)
    for expected, offset in ((official, True), (exact, False)):
        expected = expected.flatten(2).transpose(1, 2)
        found = resized_positions(table, grid, offset)
        torch.testing.assert_close(found, expected, rtol=0, atol=5e-5)
    assert float((official - exact).abs().max()) > 0.01


@pytest.mark.parametrize(
    ("size", "dim", "depth"), [("small", 384, 12), ("base", 768, 12), ("large", 1024, 24)]
)
def test_sizes(size, dim, depth):
    with torch.device("meta"):
        network = Dinov2(size)
    assert (network.dim, network.depth) == (dim, depth)


def test_what_is_impossible():
    with pytest.raises(ConfigError, match="size = 'giant': choose one of small, base, large"):
        Dinov2("giant")
    with torch.device("meta"):
        network = Dinov2("small")
    with pytest.raises(ConfigError, match="input 224x225: both sides must be multiples of 14"):
        network.levels(torch.zeros(1, 3, 225, 224), (1,))


def by_matrix(*sizes, **rule):
    return torch.from_numpy(resize_matrix(*sizes, **rule)) @ LINE[0, 0, :, 0]


def by_torch(**rule):
    return interpolate(LINE, mode="bicubic", **rule)[0, 0, :, 0]


@pytest.mark.parametrize("target", [1, 2, 16, 23, 36, 37, 38, 64])
def test_a_matrix_resizes_as_torch_does(target):
    for antialias in (False, True):
        expected = by_torch(size=(target, 2), antialias=antialias)
        found = by_matrix(37, target, antialias=antialias)
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("target", [1, 16, 22, 23, 45])
def test_another_scale_than_the_sizes_say(target):
    scale = (target + 0.1) / 37
    expected = by_torch(scale_factor=(scale, 1.0))
    assert len(expected) == target
    found = by_matrix(37, target, scale=scale)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)
    assert float((found - by_matrix(37, target)).abs().max()) > 1e-3


def test_the_same_length_changes_nothing():
    assert (resize_matrix(5, 5) == torch.eye(5).numpy()).all()
