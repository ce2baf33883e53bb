# SPDX-License-Identifier: Apache-2.0
"""Weights load strictly and safely, or are refused in one clear line."""

import collections
import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest
from transvpr_samples import SHAPES, weight

from vpr_ros.errors import BackendError, ConfigError, VprError, WeightsError

torch = pytest.importorskip("torch", reason="weights need PyTorch")
safetensors_torch = pytest.importorskip("safetensors.torch", reason="weights need safetensors")

from vpr_ros.models import NETWORKS  # noqa: E402
from vpr_ros.models.weights import contents, convert, load, weights_sha256  # noqa: E402
from vpr_ros.models.weights_file import read_weights  # noqa: E402


@pytest.fixture(scope="module")
def state():
    return {key: torch.from_numpy(np.array(weight(key, shape))) for key, shape in SHAPES.items()}


@pytest.fixture
def save(tmp_path):
    """Saves an object as published files are saved, and gives its path."""

    def save(content, **options):
        path = tmp_path / "weights.pth"
        torch.save(content, path, **options)
        return path

    return save


def refused(path, name="transvpr"):
    with pytest.raises(WeightsError) as raised:
        load(path, name)
    message = str(raised.value)
    assert str(path) in message
    assert "\n" not in message
    return message


WRAPPERS = {
    "plain": lambda state: state,
    "ordered": collections.OrderedDict,
    "state_dict": lambda state: {"epoch": 3, "state_dict": state},
    "model": lambda state: {"model": state},
    "parallel": lambda state: {f"module.{key}": value for key, value in state.items()},
    "parameters": lambda state: {
        key: torch.nn.Parameter(value, requires_grad=value.is_floating_point())
        for key, value in state.items()
    },
    "with numpy values": lambda state: {
        "epoch_num": 7,
        "model_state_dict": {f"module.{key}": value for key, value in state.items()},
        "optimizer_state_dict": {"state": {}, "param_groups": [{"lr": 1e-5}]},
        "recalls": np.array([89.7, 95.0]),
        "best_r5": np.float64(95.0),
        "flags": np.array([True]),
        "not_improved_num": 0,
    },
}


@pytest.mark.parametrize(
    ("wrapper", "legacy"),
    [*((name, False) for name in WRAPPERS), ("plain", True), ("with numpy values", True)],
)
def test_files_as_they_are_published(state, save, wrapper, legacy):
    path = save(WRAPPERS[wrapper](state), _use_new_zipfile_serialization=not legacy)
    loaded = load(path)
    found = loaded.module.state_dict()
    assert not loaded.module.training
    assert all(torch.equal(found[key], state[key]) for key in SHAPES)
    assert loaded.spec.method == "transvpr"
    assert loaded.spec.weights_sha256 == weights_sha256(state)


def test_pickles_of_numpy_1_load(state, save):
    """It called the module numpy.core what is numpy._core since."""
    path = save(
        {"state_dict": state, "best": np.float64(1.0), "all": np.zeros(3)},
        pickle_protocol=2,
        _use_new_zipfile_serialization=False,
    )
    old = path.read_bytes().replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
    assert b"numpy.core.multiarray" in old
    path.write_bytes(old)
    assert load(path).spec.method == "transvpr"


def test_conversion_keeps_the_space(state, save, tmp_path):
    path, output = save({"state_dict": state}), tmp_path / "converted.safetensors"
    assert convert(path, output) == ("transvpr",)
    file = read_weights(output)
    assert file.metadata["method"] == "transvpr"
    assert file.metadata["source_sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert load(output).spec == load(path).spec
    assert os.listdir(tmp_path) == unordered(["weights.pth", "converted.safetensors"])


class unordered(list):  # noqa: N801
    def __eq__(self, other):
        return sorted(self) == sorted(other)

    __hash__ = None


def test_hashes_are_those_of_the_usual_tools(state, save):
    path = save(state)
    file = read_weights(path)
    assert file.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    found = subprocess.run(["git", "hash-object", path], capture_output=True, text=True, check=True)
    assert file.git_blob == found.stdout.strip()


def test_one_changed_value_changes_the_hash(state, save):
    changed = {**state, "pool.fc.1.bias": state["pool.fc.1.bias"] + 1e-6}
    assert weights_sha256(changed) != weights_sha256(state)
    assert weights_sha256(dict(reversed(state.items()))) == weights_sha256(state)


def test_missing_keys(state, save):
    short = {key: value for key, value in state.items() if not key.startswith("pool.")}
    message = refused(save(short))
    assert (
        "missing: pool.attention_pool.weight, pool.attention_pool.bias, pool.fc.1.weight and 1 more"
        in message
    )


def test_unexpected_keys(state, save):
    message = refused(save({**state, "head.weight": torch.zeros(2)}))
    assert message.endswith("does not fit transvpr: unexpected: head.weight")


def test_wrong_shapes(state, save):
    message = refused(save({**state, "pool.fc.1.bias": torch.zeros(255)}))
    assert "wrong shape: pool.fc.1.bias [255] instead of [256]" in message


def test_wrong_types(state, save):
    message = refused(save({**state, "pool.fc.1.bias": torch.zeros(256, dtype=torch.int64)}))
    assert "wrong type: pool.fc.1.bias torch.int64" in message


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_values_that_are_no_numbers(state, save, value):
    broken = state["conv1.0.weight"].clone()
    broken[0, 0, 0, 0] = value
    message = refused(save({**state, "conv1.0.weight": broken}))
    assert "conv1.0.weight holds NaN or infinite values" in message


def test_weights_of_another_method(state, save):
    message = refused(save(state), "transvpr_sl_satt")
    assert "wrong shape: " in message
    assert message.endswith("; it fits transvpr")
    message = refused(save({"backbone.cls_token": torch.zeros(1, 1, 384)}))
    assert "missing: " in message
    assert "unexpected: backbone.cls_token" in message


def test_no_network_fits(state, save):
    """The nearest one says what is wrong."""
    message = refused(save({**state, "head.weight": torch.zeros(2)}), "")
    assert "does not fit transvpr: unexpected: head.weight" in message


@pytest.fixture(scope="module")
def two_networks():
    """A state dict that holds an extractor and a reranker."""
    pytest.importorskip("timm", reason="R2Former's backbones are timm's")
    extractor, reranker = NETWORKS["r2former_tiny"], NETWORKS["r2former_tiny_reranker"]
    state = dict(extractor.make(extractor.spec.settings).state_dict())
    reranking = reranker.make(reranker.spec.settings).state_dict()
    return {**state, **{f"Reranker.{key}": value for key, value in reranking.items()}}


def test_two_networks_in_one_file(two_networks, save):
    path = save({"model_state_dict": {f"module.{k}": v for k, v in two_networks.items()}})
    assert list(contents(read_weights(path))) == ["r2former_tiny", "r2former_tiny_reranker"]
    for name, prefix in (("r2former_tiny", ""), ("r2former_tiny_reranker", "Reranker.")):
        for key, value in load(path, name).module.state_dict().items():
            assert torch.equal(value, two_networks[prefix + key])
    with pytest.raises(WeightsError, match="fits r2former_tiny, r2former_tiny_reranker: say which"):
        load(path)


def test_what_is_read_by_nothing_may_be_missing(two_networks, save):
    unread = ("Reranker.ratio", "Reranker.decoder_pos_embed")
    path = save({key: value for key, value in two_networks.items() if key not in unread})
    assert list(contents(read_weights(path))) == ["r2former_tiny", "r2former_tiny_reranker"]
    load(path, "r2former_tiny_reranker")
    short = {key: value for key, value in two_networks.items() if key != "Reranker.cls_token"}
    message = refused(save(short), "r2former_tiny_reranker")
    assert "does not fit r2former_tiny_reranker: missing: cls_token; it fits r2former" in message


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("share", [0.0001, 0.5, 0.9999])
def test_truncated_pickles(state, save, share, legacy):
    path = save(state, _use_new_zipfile_serialization=not legacy)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    assert "truncated" in refused(path)


@pytest.mark.parametrize("share", [0.00001, 0.3, 0.9999])
def test_truncated_safetensors(state, tmp_path, share):
    path = tmp_path / "weights.safetensors"
    safetensors_torch.save_file(state, path)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    assert "truncated" in refused(path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "the file is empty"),
        (b"hello", "truncated, or not a file of PyTorch"),
        (b"\n<!DOCTYPE html><title>Quota exceeded</title>", "a web page instead of weights"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS instead"),
    ],
)
def test_what_is_no_file_of_weights(tmp_path, content, said):
    path = tmp_path / "weights.pth"
    path.write_bytes(content)
    assert said in refused(path)


def test_no_such_file(tmp_path):
    message = refused(tmp_path / "none.pth")
    assert "No such file" in message
    assert "vpr weights list" in message


@pytest.mark.parametrize("content", [[1, 2], {}, {"a": 1}, {"state_dict": {}}, {1: torch.zeros(1)}])
def test_what_is_no_state_dict(save, content):
    message = refused(save(content))
    assert "holds no state dict" in message or "not a tensor" in message


@pytest.mark.filterwarnings("ignore:Validating sparse tensor")
def test_sparse_tensors(state, save):
    broken = {**state, "pool.fc.1.weight": state["pool.fc.1.weight"].to_sparse()}
    assert "pool.fc.1.weight is sparse or quantized" in refused(save(broken))


class RunsCode:
    def __init__(self, call, *args):
        self._call = call, args

    def __reduce__(self):
        return self._call


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("call", ["os.system", "builtins.eval", "subprocess.Popen"])
def test_a_pickle_that_tries_to_run_code(state, save, tmp_path, call, legacy):
    trace = tmp_path / "trace"
    calls = {
        "os.system": RunsCode(os.system, f"touch {trace}"),
        "builtins.eval": RunsCode(eval, f"open({str(trace)!r}, 'w')"),
        "subprocess.Popen": RunsCode(subprocess.Popen, ["touch", str(trace)]),
    }
    path = save(
        {"state_dict": state, "epoch": calls[call]}, _use_new_zipfile_serialization=not legacy
    )
    message = refused(path)
    assert "refused: its pickle asks for" in message
    assert call.rpartition(".")[2] in message
    assert not trace.exists()


def test_arrays_of_objects(state, save):
    """Numbers are all that training scripts need; objects could be anything."""
    message = refused(save({"state_dict": state, "all": np.array([{}, "a"])}))
    assert "refused: its pickle asks for" in message
    assert "ObjectDType" in message


def test_contents(state, save):
    file = read_weights(save(state))
    assert list(contents(file)) == ["transvpr"]
    with pytest.raises(WeightsError, match="does not fit transvpr_ml_satt"):
        contents(file, "transvpr_ml_satt")
    with pytest.raises(ConfigError, match=r"'netvlad' is unknown; known: .*transvpr, "):
        contents(file, "netvlad")


def test_a_missing_library_is_named(state, two_networks, save, monkeypatch):
    """And it is not missed where the file is of another method."""
    path = save(two_networks)
    monkeypatch.setitem(sys.modules, "timm", None)
    for name in [name for name in sys.modules if name.startswith("vpr_ros.models.r2former")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(BackendError, match="r2former_tiny needs timm: pip install timm"):
        load(path, "r2former_tiny")
    assert list(contents(read_weights(save(state)))) == ["transvpr"]


def test_settings(state, save):
    path = save(state)
    loaded = load(path, settings={"patch_level": 6.0})
    assert loaded.spec.settings == {**NETWORKS["transvpr"].spec.settings, "patch_level": 6.0}
    assert loaded.spec.space != load(path).spec.space
    with pytest.raises(ConfigError, match=r"no setting 'layer'; known: mask_epsilon, "):
        load(path, settings={"layer": 3.0})


@pytest.mark.parametrize("name", ["weights.pth", "a.bin", "nowhere/a.safetensors"])
def test_conversion_overwrites_nothing_and_leaves_nothing(state, save, tmp_path, name):
    path = save(state)
    before = path.read_bytes()
    with pytest.raises(VprError, match=name):
        convert(path, tmp_path / name)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["weights.pth"]


def test_conversion_refuses_what_exists_and_what_does_not_fit(state, save, tmp_path):
    output = tmp_path / "a.safetensors"
    with pytest.raises(WeightsError, match=r"fits none of .*transvpr.*; holds: a$"):
        convert(save({"a": torch.zeros(1)}), output)
    output.touch()
    with pytest.raises(WeightsError, match="exists already"):
        convert(save(state), output)


@pytest.mark.parametrize("name", ["transvpr", "r2former_tiny", "sup_vpr_small"])
def test_nothing_is_left_without_values(name, tmp_path):
    """Networks are made without memory for their weights, which the file brings."""
    path = tmp_path / "weights.pth"
    torch.save(NETWORKS[name].make(NETWORKS[name].spec.settings).state_dict(), path)
    module = load(path, name).module
    tensors = [*module.parameters(), *module.buffers()]
    assert all(not tensor.is_meta for tensor in tensors)
    assert all(parameter.requires_grad for parameter in module.parameters())
    assert {tensor.dtype for tensor in tensors if tensor.is_floating_point()} == {torch.float32}
