# SPDX-License-Identifier: Apache-2.0
"""The verb ``export``: files on the disk, images to check them on, and what is refused."""

import sys

import cv2
import pytest

from vpr_ros.backends.engine_file import read_engine
from vpr_ros.cli import export_verb


@pytest.fixture
def asked(generated_weights):
    """Arguments that export TransVPR."""
    weights = generated_weights("transvpr")
    return ["export", "--method", "transvpr", "--weights", weights, "--size", "160x224"]


def test_export_on_rendered_images(vpr, exported, asked, tmp_path):
    exported("transvpr")  # so that tracing is remembered
    done = vpr(*asked, "--precision", "int8", "-o", tmp_path / "models")
    assert done.code == 0, done.err
    first, *lines = done.out.splitlines()
    assert first.startswith("checking on 6 images of a rendered street")
    assert lines[0].startswith("transvpr_160x224_int8.onnx, 11")
    assert all(" at " in line for line in lines[1:5])
    path = tmp_path / "models" / "transvpr_160x224_int8.onnx"
    assert lines[5:] == [f"wrote {path}"]
    assert sorted(each.name for each in path.parent.iterdir()) == [path.name, f"{path.name}.json"]


def test_the_file_maps_and_localizes(vpr, exported, drives, tmp_path):
    network = ["--method", "transvpr", "--weights", exported("transvpr")]
    done = vpr("map", drives / "map", "-o", tmp_path / "a.vprmap", *network)
    assert done.code == 0, done.err
    done = vpr("localize", drives / "query", "--map", tmp_path / "a.vprmap", *network)
    assert done.code == 0, done.err


def test_photographs_of_a_folder(vpr, exported, asked, scene, tmp_path):
    exported("transvpr")
    folder = tmp_path / "photographs"
    folder.mkdir()
    for number in range(9):
        cv2.imwrite(str(folder / f"{number}.png"), scene(number))
    assert len(export_verb._photographs(folder)) == export_verb._IMAGES
    done = vpr(*asked, "--images", folder, "-o", tmp_path)
    assert done.code == 0, done.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--size", "480"], "--size 480: write HEIGHTxWIDTH"),
        (["--size", "0x640"], "--size 0x640: write HEIGHTxWIDTH"),
        (["--set", "num_local=9"], "transvpr has no setting 'num_local'; known: min_score,"),
        (["--set", "patch_level"], "write NAME=VALUE"),
        (["--set", "patch_level=9"], "patch_level = 9: must be between 0 and 6"),
        (["--set", "mask_low=maybe"], "--set mask_low=maybe: write a number, true or false"),
        (["--images", "nowhere"], "nowhere: there is no such file"),
        (["--variant", "tiny"], "variant = 'tiny': transvpr has ml_matt_plain, ml_satt"),
        (["--size", "100x64"], "both sides must be multiples of 16"),
        (["--weights", "none.pth"], "none.pth: No such file"),
    ],
)
def test_refusals(words, said, vpr, asked, tmp_path):
    pytest.importorskip("onnxruntime", reason="exporting needs onnxruntime")
    pytest.importorskip("onnxscript", reason="exporting needs onnxscript")
    done = vpr(*asked, *words, "-o", tmp_path)
    assert done.code == 2
    assert said in done.err
    assert len(done.err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_one_photograph_is_too_few(vpr, asked, scene, tmp_path):
    pytest.importorskip("onnxruntime", reason="exporting needs onnxruntime")
    cv2.imwrite(str(tmp_path / "a.png"), scene(1))
    done = vpr(*asked, "--images", tmp_path, "-o", tmp_path / "out")
    assert done.code == 2
    assert "holds 1 image: 2 are needed" in done.err


@pytest.mark.parametrize("words", [["--precision", "fp8"], ["--method", "hog_sift"]])
def test_unknown_choices(words, vpr, asked, tmp_path):
    with pytest.raises(SystemExit):
        vpr(*asked, *words, "-o", tmp_path)


def test_settings_by_name():
    settings = export_verb._settings("r2former", ["num_local=300", "own_tokens=true"])
    assert settings == {"num_local": 300.0, "own_tokens": 1.0}


def test_without_pytorch(vpr, asked, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    monkeypatch.delitem(sys.modules, "vpr_ros.backends.export", raising=False)
    done = vpr(*asked, "-o", tmp_path)
    assert done.code == 2
    assert "exporting needs PyTorch and ONNX" in done.err
    assert "pip install torch" in done.err


def test_engines_for_other_gpus(vpr, exported, generated_weights, tmp_path, monkeypatch):
    pytest.importorskip("tensorrt_rtx_bindings", reason="engines for others need TensorRT for RTX")
    exported("r2former")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    words = ["export", "--method", "r2former", "--weights", generated_weights("r2former")]
    words += ["--size", "160x224", "--format", "tensorrt", "--capability", "8.6"]
    done = vpr(*words, "-o", tmp_path)
    assert done.code == 0, done.err
    name = "r2former_160x224_fp32"
    assert f"{name}.engine, 9" in done.out
    assert done.out.count("not checked: built for other GPUs") == 2
    for suffix in (".engine", ".reranker.engine"):
        engine = read_engine(tmp_path / f"{name}{suffix}")
        assert engine.key.capabilities == ("8.6",)
        assert f"wrote {tmp_path / name}{suffix}" in done.out
    assert (engine.spec.method, engine.spec.precision) == ("r2former_reranker", "fp32")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--capability", "8.6"], "--capability is for --format tensorrt"),
        (["--format", "tensorrt", "--precision", "int8"], "--precision int8 is for CPUs"),
    ],
)
def test_what_does_not_go_together(words, said, vpr, asked, tmp_path):
    done = vpr(*asked, *words, "-o", tmp_path)
    assert (done.code, list(tmp_path.iterdir())) == (2, [])
    assert said in done.err
