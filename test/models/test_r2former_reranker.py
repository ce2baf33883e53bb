# SPDX-License-Identifier: Apache-2.0
"""R2Former's reranker against the numbers of its authors' code, and how little it holds."""

import numpy as np
import pytest
from r2former_samples import golden, local_features

torch = pytest.importorskip("torch", reason="the networks need PyTorch")
pytest.importorskip("timm", reason="the networks need timm")

from r2former_networks import filled_reranker  # noqa: E402
from torch.utils._python_dispatch import TorchDispatchMode  # noqa: E402

from vpr_ros.models.r2former_reranker import RerankerNetwork  # noqa: E402

GOLDEN = golden()
ROWS, DESCRIPTORS = (torch.from_numpy(each) for each in local_features())


@pytest.fixture(scope="module")
def network():
    return filled_reranker()


@pytest.fixture
def no_gradients():
    with torch.inference_mode():
        yield


@pytest.mark.usefixtures("no_gradients")
def test_pairs(network):
    left, right = torch.from_numpy(GOLDEN["synth_pairs"]).long().T
    sums = [ROWS.double().sum(), ROWS.double().square().sum(), DESCRIPTORS.double().sum()]
    np.testing.assert_allclose(sums, GOLDEN["synth_local_checksum"], rtol=1e-6)
    logits = network.logits(ROWS[left], ROWS[right])
    np.testing.assert_allclose(logits, GOLDEN["synth_logits"], rtol=0, atol=1e-4)
    scores = network(ROWS[left], ROWS[right])["scores"]
    np.testing.assert_allclose(scores, GOLDEN["synth_prob"], rtol=0, atol=1e-5)


@pytest.mark.usefixtures("no_gradients")
def test_images_with_different_numbers_of_features(network):
    logits = network.logits(ROWS[:1, :300], ROWS[1:2, :420])
    expected = GOLDEN["synth_unequal_300x420_logits"]
    np.testing.assert_allclose(logits, expected, rtol=0, atol=1e-4)


@pytest.mark.usefixtures("no_gradients")
def test_one_query_for_many_candidates(network):
    alone = [network.logits(ROWS[:1], ROWS[i : i + 1]) for i in range(len(ROWS))]
    torch.testing.assert_close(network.logits(ROWS[:1], ROWS), torch.cat(alone))


@pytest.mark.usefixtures("no_gradients")
def test_order_of_features_does_not_matter(network):
    shuffled = ROWS[1:2, torch.randperm(500, generator=torch.Generator().manual_seed(0))]
    torch.testing.assert_close(
        network.logits(ROWS[:1], shuffled), network.logits(ROWS[:1], ROWS[1:2]), rtol=0, atol=1e-5
    )


class Largest(TorchDispatchMode):
    """Watches how many values the results of operations have."""

    values = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        for each in result if isinstance(result, (tuple, list)) else [result]:
            if isinstance(each, torch.Tensor) and each.untyped_storage().nbytes():
                self.values = max(self.values, each.untyped_storage().nbytes() // 4)
        return result


@pytest.mark.usefixtures("no_gradients")
def test_no_tensor_grows_with_the_product_of_the_numbers_of_features(network):
    """Except their correlations: one number for each pair, where the authors' code holds seven."""
    with Largest() as largest:
        network(ROWS[:1].repeat(1, 6, 1), ROWS[1:2].repeat(1, 6, 1))
    assert largest.values <= 3000 * 3000


def test_gradients(network):
    """The loss of the published training, whose mean over pairs is divided by their number again.

    Coordinates and attention are not learned from it, and two stored tensors are not used.
    """
    network.zero_grad()
    rows = ROWS.clone().requires_grad_()
    logits = network.logits(rows[[0, 1, 0, 1]], rows[[1, 0, 2, 2]])
    loss = torch.nn.functional.cross_entropy(logits, torch.tensor([1, 1, 0, 0]))
    assert loss.item() == pytest.approx(GOLDEN["train_ce_mean"].item(), abs=1e-5)
    (loss / 2).backward()
    for name in ("pair_head.weight", "cls_token", "cls_token_2"):
        expected = GOLDEN["train_grad_" + name.replace(".", "_")]
        found = network.get_parameter(name).grad
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4 * np.abs(expected).max())
    gradients = {name: value.grad for name, value in network.named_parameters()}
    assert {name for name, each in gradients.items() if each is None} == {
        "decoder_pos_embed",
        "ratio",
    }
    norm = torch.stack([each.norm() for each in gradients.values() if each is not None]).norm()
    assert norm.item() == pytest.approx(GOLDEN["train_grad_total_norm_reranker"].item(), rel=1e-4)
    assert rows.grad[..., :3].abs().sum() == 0
    assert rows.grad[..., 3:].abs().sum() > 0


def test_graph_does_not_depend_on_data():
    """What exporters need: one graph for any number of candidates and features."""
    candidates = torch.export.Dim("candidates", min=2, max=128)
    program = torch.export.export(
        RerankerNetwork().eval(),
        (ROWS[:1, :20], ROWS[:, :20]),
        dynamic_shapes=({}, {0: candidates}),
    )
    assert program.module()(ROWS[:1, :20], ROWS[[0, 1, 2, 0], :20])["scores"].shape == (4,)
