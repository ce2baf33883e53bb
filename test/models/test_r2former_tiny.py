# SPDX-License-Identifier: Apache-2.0
"""The small relative of R2Former: its shapes, where its features lie, and what its files hold."""

import pytest

torch = pytest.importorskip("torch", reason="the networks need PyTorch")
pytest.importorskip("timm", reason="the networks need timm")

from vpr_ros.models import NETWORKS  # noqa: E402
from vpr_ros.models.r2former_tiny import PITCH, R2FormerTiny  # noqa: E402
from vpr_ros.models.weights import load  # noqa: E402


@pytest.fixture(autouse=True)
def no_gradients():
    torch.manual_seed(0)
    with torch.inference_mode():
        yield


@pytest.mark.parametrize(("height", "width"), [(160, 224), (128, 176), (96, 320)])
def test_shapes(height, width):
    outputs = R2FormerTiny().eval()(torch.randn(2, 3, height, width))
    count = min(150, height * width // 64)
    assert outputs["global_descriptor"].shape == (2, 256)
    assert outputs["local_features"].shape == (2, count, 67)
    norms = outputs["global_descriptor"].norm(dim=1)
    torch.testing.assert_close(norms, torch.ones(2))
    assert torch.all(outputs["local_features"][:, 0, 2] == 1.0)


def test_every_position_lies_in_the_middle_of_its_pixels():
    """A network that keeps all positions names each once."""
    rows = R2FormerTiny(num_local=560).eval()(torch.randn(1, 3, 160, 224))["local_features"][0]
    found = {tuple(point) for point in (rows[:, :2] * 224).round().int().tolist()}
    half = PITCH // 2
    assert found == {(x, y) for x in range(half, 224, PITCH) for y in range(half, 160, PITCH)}


def test_a_feature_sees_what_is_around_its_position():
    network = R2FormerTiny(num_local=560).eval()
    image = torch.zeros(1, 3, 160, 224)
    spot = image.clone()
    spot[..., 80:88, 104:112] = 1.0
    before, after = (network.stem(each) for each in (image, spot))
    y, x = divmod(int((after - before).square().sum(dim=1).flatten().argmax()), 28)
    assert (x, y) == (104 // PITCH, 80 // PITCH)


def test_files_hold_both_networks(tmp_path):
    path = tmp_path / "tiny.pth"
    state = {**R2FormerTiny().state_dict()}
    reranker = NETWORKS["r2former_tiny_reranker"].make({})
    state |= {f"Reranker.{key}": value for key, value in reranker.state_dict().items()}
    torch.save(state, path)
    for name in ("r2former_tiny", "r2former_tiny_reranker"):
        assert load(path, name).spec.method == name
    assert NETWORKS["r2former_tiny"].reranker == "r2former_tiny_reranker"
