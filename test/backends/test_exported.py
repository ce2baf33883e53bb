# SPDX-License-Identifier: Apache-2.0
"""Names of exported files, the specification in them, and requests that come too late."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from vpr_ros.backends.exported import (
    as_asked,
    from_text,
    is_exported,
    precision_beside,
    reranker_path,
    spec_beside,
    to_text,
)
from vpr_ros.backends.options import BackendOptions
from vpr_ros.backends.sidecar import sidecar_path
from vpr_ros.errors import ConfigError, WeightsError
from vpr_ros.models import NETWORKS

PATH = Path("models/a.onnx")
SPEC = replace(NETWORKS["transvpr"].spec, input_height=160, input_width=224, precision="int8")


def test_names():
    assert reranker_path(PATH) == Path("models/a.reranker.onnx")
    assert sidecar_path(PATH) == Path("models/a.onnx.json")
    assert is_exported(PATH)
    assert is_exported(Path("a.engine"))
    assert not is_exported(Path("a.pth"))


def test_specification_of_the_json_file(tmp_path):
    path, text = tmp_path / "a.onnx", to_text(SPEC)
    sidecar_path(path).write_text(text + "\n")
    assert spec_beside(path, b"graph" + text.encode() + b"more") == SPEC
    assert precision_beside(path) == "int8"


@pytest.mark.parametrize("text", ["", to_text(NETWORKS["r2former"].spec)])
def test_json_file_of_another(text, tmp_path):
    path = tmp_path / "a.onnx"
    sidecar_path(path).write_text(text)
    with pytest.raises(WeightsError, match=r"a\.onnx\.json does not belong to a\.onnx: export"):
        spec_beside(path, b"graph" + to_text(SPEC).encode())


def test_json_file_that_somebody_wrote(tmp_path):
    path = tmp_path / "a.onnx"
    known = {"method": "a", "input_height": 9, "input_width": 9, "mean": [], "std": []}
    sidecar_path(path).write_text(json.dumps({**known, "global_dim": 8}))
    assert spec_beside(path, b"graph").exporter_version == ""


def test_no_json_file(tmp_path):
    with pytest.raises(WeightsError, match=r"a\.onnx\.json: No such file"):
        spec_beside(tmp_path / "a.onnx", b"")
    assert precision_beside(tmp_path / "a.onnx") == ""


@pytest.mark.parametrize("name", NETWORKS)
def test_specification_comes_back_exactly(name):
    spec = replace(NETWORKS[name].spec, weights_sha256="ab12", mean=(0.1, 1 / 3, 1e-7))
    found = from_text(PATH, to_text(spec))
    assert found == spec
    assert found.space == spec.space


def test_a_file_of_before_is_told_what_its_network_is():
    """Patches were a matter of the pipeline, and no file said what they are."""
    fields = json.loads(to_text(SPEC))
    for name in ("pitch", "has_unit_local", "runtime", "ports"):
        del fields[name]
    found = from_text(PATH, json.dumps(fields))
    assert (found.pitch, found.has_unit_local) == (16, True)
    assert found == SPEC


@pytest.mark.parametrize("text", ["{", "[]", json.dumps({"method": "transvpr"})])
def test_unreadable_specification(text):
    with pytest.raises(WeightsError, match=r"a\.onnx: .*cannot be read.*export it again") as raised:
        from_text(PATH, text)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"input_size": (224, 160)},
        {"precision": "fp32"},
        {"settings": {"patch_level": 4.0}},
    ],
)
def test_what_is_left_open_comes_from_the_file(options):
    assert as_asked(PATH, SPEC, "transvpr", BackendOptions(**options)) == SPEC


@pytest.mark.parametrize(
    ("network", "options", "said"),
    [
        ("r2former", {}, "for network transvpr, not r2former"),
        ("", {"input_size": (640, 480)}, "for input 224x160, not 640x480"),
        ("", {"precision": "fp16"}, "for precision int8, not fp16"),
        ("", {"settings": {"patch_level": 3.0}}, "for patch_level = 4, not 3"),
        ("", {"settings": {"num_local": 300.0}}, "for num_local = unknown, not 300"),
    ],
)
def test_other_wishes_are_refused(network, options, said):
    with pytest.raises(ConfigError, match=rf"a\.onnx was exported {said}: ask for"):
        as_asked(PATH, SPEC, network, BackendOptions(**options))
