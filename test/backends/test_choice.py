# SPDX-License-Identifier: Apache-2.0
"""Which file and which runtime are taken where the configuration leaves that open."""

import json
import logging
from pathlib import Path

import pytest

from vpr_ros.backends import BackendOptions, choice
from vpr_ros.backends.choice import Choice, choose
from vpr_ros.errors import BackendError, ConfigError


@pytest.fixture
def here(monkeypatch, caplog):
    """The function that decides what is installed, and what hinders TensorRT."""
    caplog.set_level(logging.INFO, logger="vpr_ros")

    def decide(*libraries, tensorrt=""):
        monkeypatch.setattr(choice, "find_spec", lambda name: name if name in libraries else None)
        monkeypatch.setattr(choice, "_obstacle_to_tensorrt", lambda device: tensorrt)

    return decide


@pytest.mark.parametrize(
    ("device", "obstacle", "runtime", "said"),
    [
        ("auto", "", "tensorrt", ""),
        ("cuda:1", "", "tensorrt", ""),
        ("auto", "no driver", "onnxruntime", "is run by onnxruntime, not by tensorrt: no driver"),
        ("cpu", "", "onnxruntime", ""),
    ],
)
def test_onnx(here, caplog, device, obstacle, runtime, said):
    here("onnxruntime", tensorrt=obstacle)
    path = Path("a.onnx")
    assert choose(path, BackendOptions(device=device)) == Choice(path, runtime)
    assert said in caplog.text
    assert bool(said) == bool(caplog.records)


def test_int8_is_not_for_tensorrt(here, caplog, tmp_path):
    here("onnxruntime")
    (tmp_path / "a.onnx.json").write_text(json.dumps({"precision": "int8"}))
    assert choose(tmp_path / "a.onnx", BackendOptions(device="auto")).runtime == "onnxruntime"
    assert "not by tensorrt: it is int8, for CPUs" in caplog.text


@pytest.mark.parametrize(
    ("libraries", "suffix", "runtime"),
    [
        (("onnxruntime", "torch"), ".onnx", "onnxruntime"),
        (("torch",), ".pth", "pytorch"),
        ((), ".pth", "pytorch"),  # which then says what to install
    ],
)
def test_name_without_suffix(here, libraries, suffix, runtime, tmp_path):
    """An engine is machine code, and loaded only if it is named."""
    here(*libraries, tensorrt="no driver")
    for each in (".onnx", ".pth", ".engine"):
        (tmp_path / f"model_480x640{each}").touch()
    found = choose(tmp_path / "model_480x640", BackendOptions())
    assert found == Choice(tmp_path / f"model_480x640{suffix}", runtime)


def test_all_reasons_are_told(here, caplog, tmp_path):
    here("torch", tensorrt="no driver")
    for each in (".onnx", ".safetensors"):
        (tmp_path / f"model{each}").touch()
    choose(tmp_path / "model", BackendOptions(device="auto"))
    assert "by pytorch, not by tensorrt: no driver; not by onnxruntime: it is not" in caplog.text


@pytest.mark.parametrize(("name", "runtime"), [("a.onnx", "onnxruntime"), ("a.pt", "pytorch")])
def test_by_name(name, runtime):
    path = Path(name)
    assert choose(path, BackendOptions(runtime, "auto")) == Choice(path, runtime)


@pytest.mark.parametrize(
    ("name", "runtime", "said"),
    [
        ("a.onnx", "pytorch", r"'pytorch' does not run a\.onnx: choose auto or tensorrt or onnxr"),
        ("a.pth", "tensorrt", r"'tensorrt' does not run a\.pth: choose auto or pytorch"),
        ("a.engine", "onnxruntime", "choose auto or tensorrt"),
    ],
)
def test_runtimes_that_cannot(name, runtime, said):
    with pytest.raises(ConfigError, match=said):
        choose(Path(name), BackendOptions(runtime))


@pytest.mark.parametrize("name", ["a.tflite", "nothing"])
def test_other_files(name, tmp_path):
    with pytest.raises(BackendError, match=f"{name}: nothing here runs"):
        choose(tmp_path / name, BackendOptions())


def test_unknown_runtime():
    with pytest.raises(BackendError, match="runtime = 'cudnn': choose one of auto, tensorrt"):
        BackendOptions("cudnn")
