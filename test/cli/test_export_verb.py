# SPDX-License-Identifier: Apache-2.0
"""The verb ``export``: files on the disk, images to check them on, and what is refused."""

import sys

import cv2
import numpy as np
import pytest

from vpr_ros.backends.engine_file import read_engine

METHOD = "r2former_tiny"  # the others would only take longer


@pytest.fixture
def asked(generated_weights):
    """Arguments that export a network."""
    weights = generated_weights(METHOD)
    return ["export", "--method", METHOD, "--weights", weights, "--size", "160x224"]


@pytest.fixture
def asked_with_images(asked, scene, tmp_path_factory):
    """The same with photographs: rendering some takes seconds."""
    folder = tmp_path_factory.mktemp("photographs")
    for number in range(2):
        cv2.imwrite(str(folder / f"{number}.png"), scene(number))
    return [*asked, "--images", folder]


def test_export_on_rendered_images(vpr, exported, asked, tmp_path):
    exported(METHOD)  # so that tracing is remembered
    done = vpr(*asked, "--precision", "int8", "-o", tmp_path / "models")
    assert done.code == 0, done.err
    first, *lines = done.out.splitlines()
    assert first.startswith("checking on 6 images of a rendered street")
    path = tmp_path / "models" / f"{METHOD}_160x224_int8.onnx"
    reranker = path.with_suffix(".reranker.onnx")
    told = [line for line in lines if not line.startswith("  ")]
    assert [line.partition(",")[0] for line in told[:2]] == [path.name, reranker.name]
    assert all(" at " in line for line in lines if line.startswith("  "))
    assert told[2:] == [f"wrote {path}", f"wrote {reranker}"]
    files = [name for each in (path, reranker) for name in (each.name, f"{each.name}.json")]
    assert sorted(each.name for each in path.parent.iterdir()) == sorted(files)


def test_the_file_maps_and_localizes(vpr, exported, drives, tmp_path):
    network = ["--method", METHOD, "--weights", exported(METHOD)]
    done = vpr("map", drives / "map", "-o", tmp_path / "a.vprmap", *network)
    assert done.code == 0, done.err
    done = vpr("localize", drives / "query", "--map", tmp_path / "a.vprmap", *network)
    assert done.code == 0, done.err


@pytest.fixture
def requests(monkeypatch):
    """What the exporter is asked for: (request, images). It writes nothing."""
    export = pytest.importorskip("vpr_ros.backends.export", reason="exporting needs PyTorch, onnx")
    asked = []

    def write_nothing(request, images, folder, tell):
        asked.append((request, images))
        return []

    monkeypatch.setattr(export, "export", write_nothing)
    return asked


def test_photographs_from_all_over_a_folder(vpr, asked, requests, tmp_path):
    for number in range(9):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.full((64, 64, 3), 20 * number, np.uint8))
    done = vpr(*asked, "--images", tmp_path, "-o", tmp_path)
    assert done.code == 0, done.err
    assert done.out.startswith(f"checking on 6 images of {tmp_path}\n")
    ((_, images),) = requests
    looks = [float(image.mean()) for image in images]
    assert looks == sorted(looks)
    assert len(set(looks)) == 6
    assert images[0].shape == (1, 3, 160, 224)


def test_settings_by_name(vpr, asked_with_images, requests, tmp_path):
    done = vpr(*asked_with_images, "--set", "num_local=300", "-o", tmp_path)
    assert done.code == 0, done.err
    ((request, _),) = requests
    assert (request.settings, request.precision) == ({"num_local": 300.0}, "fp32")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--size", "480"], "--size 480: write HEIGHTxWIDTH"),
        (["--size", "0x640"], "--size 0x640: write HEIGHTxWIDTH"),
        (
            ["--set", "patch_level=4"],
            "tiny has no setting 'patch_level'; known: num_local",
        ),
        (["--set", "num_local"], "write NAME=VALUE"),
        (["--set", "num_local=0"], "num_local = 0: must be at least 1"),
        (["--set", "num_local=many"], "num_local=many: write a number, true or false"),
        (["--images", "nowhere"], "nowhere: there is no such file"),
        (["--variant", "tiny"], "variant = 'tiny': r2former_tiny has only one network"),
        (["--weights", "none.pth"], "none.pth: No such file"),
    ],
)
def test_refusals(words, said, vpr, asked_with_images, tmp_path):
    pytest.importorskip("onnxruntime", reason="exporting needs onnxruntime")
    pytest.importorskip("onnxscript", reason="exporting needs onnxscript")
    done = vpr(*asked_with_images, *words, "-o", tmp_path)
    assert done.code == 2
    assert said in done.err
    assert len(done.err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_size_that_the_network_cannot_take(vpr, asked_with_images, generated_weights, tmp_path):
    pytest.importorskip("onnxscript", reason="exporting needs onnxscript")
    words = ["--method", "transvpr", "--weights", generated_weights("transvpr")]
    done = vpr(*asked_with_images, *words, "--size", "100x64", "-o", tmp_path)
    assert done.code == 2
    assert "both sides must be multiples of 16" in done.err
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


def test_without_pytorch(vpr, asked, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    monkeypatch.delitem(sys.modules, "vpr_ros.backends.export", raising=False)
    done = vpr(*asked, "-o", tmp_path)
    assert done.code == 2
    assert "exporting needs PyTorch and ONNX" in done.err
    assert "pip install torch" in done.err


def test_engines_for_other_gpus(vpr, exported, asked_with_images, tmp_path, monkeypatch):
    pytest.importorskip("tensorrt_rtx_bindings", reason="engines for others need TensorRT for RTX")
    exported(METHOD)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    words = ("--format", "tensorrt", "--capability", "8.6")
    done = vpr(*asked_with_images, *words, "-o", tmp_path)
    assert done.code == 0, done.err
    name = f"{METHOD}_160x224_fp32"
    assert f"{name}.engine, " in done.out
    assert done.out.count("not checked: built for other GPUs") == 2
    for suffix in (".engine", ".reranker.engine"):
        engine = read_engine(tmp_path / f"{name}{suffix}")
        assert engine.key.capabilities == ("8.6",)
        assert f"wrote {tmp_path / name}{suffix}" in done.out
    assert (engine.spec.method, engine.spec.precision) == (f"{METHOD}_reranker", "fp32")


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
