# SPDX-License-Identifier: Apache-2.0
"""Engines as files: complete or not there, and never taken for something that they are not."""

import json
import os
import random
import resource
import subprocess
import sys
import time
import traceback
from dataclasses import replace

import pytest

from vpr_ros.backends.engine_file import (
    Engine,
    EngineKey,
    Gpu,
    check_fits,
    read_engine,
    write_engine,
)
from vpr_ros.backends.sidecar import sidecar_path
from vpr_ros.errors import BackendError

KEY = EngineKey(
    onnx_sha256="ab" * 32,
    library="tensorrt",
    version="10.3.0.30",
    gpu="NVIDIA RTX A5000",
    capabilities=("8.6",),
    precision="fp16",
    ranges=(("candidates", 1, 20, 100),),
    workspace_mib=1024,
)
A5000 = Gpu("NVIDIA RTX A5000", "8.6")
KILLS = 5


@pytest.fixture
def engine(spec):
    return Engine(b"plan" * 1000, KEY, spec)


@pytest.fixture
def written(engine, tmp_path):
    path = tmp_path / "a.engine"
    write_engine(path, engine)
    return path


def test_round_trip(written, engine):
    assert read_engine(written) == engine
    assert sorted(each.name for each in written.parent.iterdir()) == ["a.engine", "a.engine.json"]


@pytest.mark.parametrize(
    "change",
    [
        {"onnx_sha256": "cd" * 32},
        {"library": "tensorrt_rtx"},
        {"version": "10.3.0.31"},
        {"gpu": "NVIDIA RTX A4000"},
        {"capabilities": ("8.9",)},
        {"precision": "fp32"},
        {"ranges": (("candidates", 1, 20, 50),)},
        {"workspace_mib": 512},
    ],
)
def test_key_depends_on_every_field(change):
    assert replace(KEY, **change).digest != KEY.digest
    assert replace(KEY).digest == KEY.digest


@pytest.mark.parametrize(
    ("change", "gpu", "said"),
    [
        ({"library": "tensorrt_rtx"}, A5000, r"by tensorrt_rtx 10\.3\.0\.30, and this is tensorrt"),
        ({"version": "10.3.0.31"}, A5000, r"by tensorrt 10\.3\.0\.31, and this is tensorrt 10\.3"),
        ({}, Gpu("NVIDIA RTX A4000", "8.6"), r"for NVIDIA RTX A5000 .*this is NVIDIA RTX A4000"),
        ({"gpu": ""}, Gpu("Orin", "8.7"), r"for GPUs \(compute capability 8\.6\), .*Orin \(8\.7\)"),
    ],
)
def test_foreign_engine_is_refused_by_name(tmp_path, change, gpu, said):
    path = tmp_path / "a.engine"
    with pytest.raises(BackendError, match=rf"a\.engine was built .*{said}.*build it again"):
        check_fits(path, replace(KEY, **change), "tensorrt", "10.3.0.30", gpu)


@pytest.mark.parametrize("change", [{}, {"gpu": ""}, {"gpu": "", "capabilities": ("8.9", "8.6")}])
def test_fitting_engine(tmp_path, change):
    check_fits(tmp_path, replace(KEY, **change), "tensorrt", "10.3.0.30", A5000)


@pytest.mark.parametrize(
    "damage", [lambda plan: plan[:-1], lambda plan: plan + b"x", lambda plan: b"x" + plan[1:]]
)
def test_damaged_engine(written, damage):
    written.write_bytes(damage(written.read_bytes()))
    with pytest.raises(BackendError, match=r"a\.engine is damaged, or not the engine that"):
        read_engine(written)


def test_missing_files(written):
    sidecar_path(written).unlink()
    with pytest.raises(BackendError, match=r"a\.engine\.json is missing: an engine needs"):
        read_engine(written)
    with pytest.raises(BackendError, match=r"b\.engine is missing"):
        read_engine(written.with_name("b.engine"))
    with pytest.raises(BackendError, match="cannot be read: Is a directory"):
        read_engine(written.parent)


def without(name):
    return lambda known: known["key"].pop(name)


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda known: known.update(format=2), "has format 2, this program reads 1"),
        (lambda known: known.pop("spec"), "lacks spec: build"),
        (lambda known: known["spec"].pop("mean"), r"a\.engine\.json: no model specification"),
        (without("version"), "lacks what an engine depends on"),
        (lambda known: known["key"].update(ranges=[["candidates", 1]]), "lacks what an engine"),
        (lambda known: known.update(key=5), "lacks what an engine depends on"),
        (lambda known: known.update(spec=[]), r"a\.engine\.json: no model specification"),
    ],
)
def test_unfit_sidecar(written, edit, said):
    path = sidecar_path(written)
    known = json.loads(path.read_text())
    edit(known)
    path.write_text(json.dumps(known))
    with pytest.raises(BackendError, match=said):
        read_engine(written)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "5", "null", '{"format": 1}', '"format key spec engine_sha256"', "\ufffd"],
)
def test_rubbish_sidecar(written, text):
    sidecar_path(written).write_text(text)
    with pytest.raises(
        BackendError, match=r"a\.engine\.json (is no|lacks) .*: build the engine again"
    ):
        read_engine(written)


def test_folder_is_missing(engine, tmp_path):
    with pytest.raises(BackendError, match=r"cannot be written \(No such file"):
        write_engine(tmp_path / "no" / "a.engine", engine)


def test_disk_full(written, engine):
    """The kernel refuses to let files of a process grow."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, 2**20))
            with pytest.raises(BackendError, match=r"\(File too large\): make room for 3 MiB"):
                write_engine(written, replace(engine, plan=bytes(2**21)))
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert read_engine(written) == engine  # the old one
    assert len(list(written.parent.iterdir())) == 2


WRITER = """
import sys
from dataclasses import replace
from pathlib import Path
from vpr_ros.backends.engine_file import read_engine, write_engine

path = Path(sys.argv[1])
engine = read_engine(path)
print("ready", flush=True)
for number in range(1, 10_000):
    write_engine(path, replace(engine, plan=bytes([number % 256]) * 2**23))
"""


def test_killed_writer(written, engine):
    """Whatever moment a writer dies at, what can be read is complete."""
    random.seed(1)
    for _ in range(KILLS):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(written)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout.readline() == "ready\n"
        time.sleep(random.uniform(0, 0.1))
        process.kill()
        process.communicate(timeout=30)
        try:
            plan = read_engine(written).plan
        except BackendError as error:  # it died between the two names
            assert "not the engine that" in str(error)  # noqa: PT017
            write_engine(written, engine)
        else:
            assert set(plan) == {plan[0]} or plan.startswith(b"plan")
