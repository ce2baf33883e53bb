# SPDX-License-Identifier: Apache-2.0
"""Networks on PyTorch: devices, precisions, and errors that name the remedy."""

import sys

import numpy as np
import pytest
from transvpr_samples import SHAPES, golden, noise, weight

from vpr_ros.backends import BackendOptions, open_backend
from vpr_ros.backends.base import GLOBAL_DESCRIPTOR, LOCAL_FEATURES
from vpr_ros.errors import BackendError, ConfigError, WeightsError
from vpr_ros.extractors.network import NetworkExtractor

torch = pytest.importorskip("torch", reason="this backend is PyTorch")

from vpr_ros.backends.torch_backend import TorchBackend  # noqa: E402

GOLDEN = golden()
SMALL = (96, 64)  # width, height


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """A file of generated weights of TransVPR."""
    path = tmp_path_factory.mktemp("weights") / "transvpr.pth"
    state = {key: torch.from_numpy(np.array(weight(key, shape))) for key, shape in SHAPES.items()}
    torch.save(state, path)
    return path


def opened(path, **options):
    return open_backend(path, "transvpr", BackendOptions(**options))


def test_golden_numbers(path):
    backend = opened(path, input_size=(384, 384))
    outputs = backend.run({"image": noise(384, 384)})
    descriptors, local = outputs[GLOBAL_DESCRIPTOR], outputs[LOCAL_FEATURES]
    np.testing.assert_allclose(descriptors, GOLDEN["A_384x384/global"], rtol=0, atol=1e-6)
    np.testing.assert_allclose(local[:, :, 2], GOLDEN["A_384x384/fused"], rtol=0, atol=5e-5)
    tokens = GOLDEN["A_384x384/tokens_8x16"][:, 3]
    np.testing.assert_allclose(local[:, :8, 3:19], tokens, rtol=0, atol=1e-4)
    assert (backend.spec.input_width, backend.spec.input_height) == (384, 384)


@pytest.mark.parametrize(("precision", "tolerance"), [("bf16", 0.05), ("fp16", 0.01)])
def test_half_precision(path, precision, tolerance):
    image = {"image": noise(64, 96)}
    exact = opened(path, input_size=SMALL).run(image)
    backend = opened(path, precision=precision, input_size=SMALL)
    outputs = backend.run(image)
    assert all(value.dtype == np.float32 for value in outputs.values())
    for left, right in zip(outputs[GLOBAL_DESCRIPTOR], exact[GLOBAL_DESCRIPTOR], strict=True):
        assert left @ right > 1 - tolerance
    np.testing.assert_array_equal(outputs[LOCAL_FEATURES][..., :2], exact[LOCAL_FEATURES][..., :2])
    assert backend.spec.precision == precision
    assert backend.description.endswith(precision)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU that PyTorch can use")
def test_cuda_gives_the_numbers_of_the_cpu(path):
    outputs = opened(path, device="cuda", input_size=(384, 384)).run({"image": noise(384, 384)})
    found = outputs[GLOBAL_DESCRIPTOR]
    np.testing.assert_allclose(found, GOLDEN["A_384x384/global"], rtol=0, atol=1e-5)


def test_no_gradients_and_no_training_mode(path):
    backend = opened(path, input_size=SMALL)
    image = {"image": noise(64, 96)}
    first, second = backend.run(image), backend.run(image)
    assert all(np.array_equal(first[name], second[name]) for name in first)


def test_read_only_input(path):
    image = noise(64, 96)
    expected = opened(path).run({"image": image})
    image.setflags(write=False)
    found = opened(path).run({"image": image})
    assert np.array_equal(found[GLOBAL_DESCRIPTOR], expected[GLOBAL_DESCRIPTOR])


def test_every_network_has_its_own_number_of_threads(path):
    before = torch.get_num_threads()
    networks = {count: opened(path, threads=count) for count in (1, 2)}
    try:
        for count in (1, 2, 1):
            networks[count].run({"image": noise(32, 32)})
            assert torch.get_num_threads() == count
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"device": "tpu"}, "device = 'tpu': choose auto, cpu, cuda or cuda:N"),
        ({"device": "cuda:x"}, "device = 'cuda:x': choose auto"),
        ({"device": "cuda:"}, "device = 'cuda:': choose auto"),
        ({"device": "cpu:1"}, "device = 'cpu:1': choose auto"),
        ({"precision": "int8"}, "precision = 'int8': choose one of fp32, fp16, bf16"),
        ({"threads": -1}, "threads = -1"),
        ({"input_size": (0, 480)}, r"input_size = \(0, 480\)"),
    ],
)
def test_impossible_options(path, options, said):
    with pytest.raises(BackendError, match=said):
        opened(path, **options)


def test_no_gpu(path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(
        BackendError, match=r"'cuda:1': PyTorch .* sees no GPU: install .* or choose"
    ):
        opened(path, device="cuda:1")


def test_too_few_gpus(path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(BackendError, match="'cuda:1': there are 1 GPUs"):
        opened(path, device="cuda:1")


@pytest.mark.parametrize(
    "inputs", [{"picture": noise(32, 32)}, {"image": noise(32, 32)[:, :2]}, {}]
)
def test_wrong_inputs(path, inputs):
    with pytest.raises(BackendError, match="transvpr on cpu failed for") as raised:
        opened(path).run(inputs)
    assert "\n" not in str(raised.value)


def test_wrong_input_size(path):
    with pytest.raises(ConfigError, match="input 100x64: both sides must be multiples of 16"):
        NetworkExtractor(opened(path, input_size=(100, 64)))


def test_out_of_memory(path):
    class Greedy(torch.nn.Module):
        def forward(self, image):
            raise torch.OutOfMemoryError("out of memory\nand much more")

    backend = TorchBackend(Greedy(), opened(path).spec, BackendOptions())
    with pytest.raises(BackendError, match=r"image \[2, 3, 32, 32\]: out of memory$"):
        backend.run({"image": noise(32, 32)})


def test_wrong_weights(tmp_path):
    (tmp_path / "a.pth").write_bytes(b"not weights")
    with pytest.raises(WeightsError, match="truncated, or not a file of PyTorch"):
        open_backend(tmp_path / "a.pth", "transvpr")


def test_without_torch(path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "vpr_ros.backends.torch_backend")
    with pytest.raises(BackendError, match=r"needs PyTorch .*pip install torch"):
        open_backend(path, "transvpr")


def test_extractor(path):
    """From a camera's image to features, as the published script does it."""
    extractor = NetworkExtractor(opened(path, input_size=(320, 240)))
    image = np.random.default_rng(1).integers(0, 256, (240, 320, 3), np.uint8)
    features = extractor.extract(image)
    tensor = torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255
    mean, std = (
        torch.tensor(each).reshape(3, 1, 1) for each in (extractor.spec.mean, extractor.spec.std)
    )
    expected = opened(path).run({"image": ((tensor - mean) / std).numpy()})
    assert features.global_descriptor @ expected[GLOBAL_DESCRIPTOR][0] == pytest.approx(1, abs=1e-6)
    kept = expected[LOCAL_FEATURES][0][expected[LOCAL_FEATURES][0, :, 2] > 0.02]
    assert 0 < len(kept) < 300
    np.testing.assert_allclose(features.local.descriptors, kept[:, 3:], rtol=0, atol=1e-4)
    np.testing.assert_allclose(features.local.keypoints % 16, 8, rtol=0, atol=1e-3)


@pytest.mark.parametrize("size", [(600, 900), (240, 320), (720, 640), (480, 650)])
def test_resize_equals_torch(size):
    image = np.random.default_rng(2).integers(0, 256, (*size, 3), np.uint8)

    class Listener:
        spec = None
        description = ""

        def run(self, inputs):
            self.heard = inputs["image"]
            rows = np.zeros((1, 4, 3 + 8), np.float32)
            return {"global_descriptor": np.ones((1, 8), np.float32), "local_features": rows}

    from vpr_ros.datatypes import ModelSpec

    listener = Listener()
    listener.spec = ModelSpec("a", "", 480, 640, (0, 0, 0), (1, 1, 1), 8, 8, "fp32", "1")
    NetworkExtractor(listener).extract(image)
    tensor = torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255
    resized = torch.nn.functional.interpolate(tensor, (480, 640), mode="bilinear", antialias=False)
    np.testing.assert_allclose(listener.heard, resized.numpy(), rtol=0, atol=2e-5)
