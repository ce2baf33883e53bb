# SPDX-License-Identifier: Apache-2.0
"""Engines that were built before: found, or built anew, and never loaded on trust."""

import fcntl
import json
import logging
import os
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from vpr_ros.backends.engine_cache import (
    EngineRequest,
    cached_engine,
    default_folder,
    logged_progress,
)
from vpr_ros.backends.engine_file import Gpu, read_engine
from vpr_ros.backends.options import Hooks
from vpr_ros.backends.sidecar import sidecar_path
from vpr_ros.backends.tensorrt_engine import OnnxFile
from vpr_ros.errors import BackendError

A5000 = Gpu("NVIDIA RTX A5000", "8.6")


@pytest.fixture
def request_of(rtx, tiny, spec):
    """The function that makes a request, of the tiny network for an RTX A5000 unless told."""

    def make(onnx=tiny, model=spec, library=rtx, gpu=A5000, capabilities=()):
        return EngineRequest(onnx, model, library, gpu, capabilities)

    return make


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "cache"


def builds(caplog):
    return sum(record.getMessage().startswith("building ") for record in caplog.records)


@pytest.fixture
def caplog(caplog):
    caplog.set_level(logging.INFO, "vpr_ros.backends.engine_cache")
    return caplog


def engines(folder):
    return sorted(folder.glob("*.engine"))


def test_built_once(request_of, folder, caplog, spec, tiny):
    first = cached_engine(request_of(), folder)
    second = cached_engine(request_of(), folder)
    assert builds(caplog) == 1
    assert first == second == read_engine(engines(folder)[0])
    assert first.spec == spec
    assert first.key.gpu == "NVIDIA RTX A5000"
    assert first.key.capabilities == ("8.6",)
    assert engines(folder)[0].stem == first.key.digest
    assert len(list(folder.iterdir())) == 3  # engine, JSON and lock


def test_whatever_differs_is_built_anew(request_of, folder, caplog, tiny, spec, rtx):
    others = [
        {},
        {"onnx": OnnxFile(tiny.path, tiny.content + b"\x32\x00")},  # with an empty domain
        {"model": replace(spec, precision="fp16")},
        {"library": replace(rtx, version="1.7.1.115")},
        {"gpu": Gpu("NVIDIA RTX A4000", "8.6")},
        {"gpu": Gpu("NVIDIA RTX 4090", "8.9")},
        {"capabilities": ("8.6",)},  # of any GPU
    ]
    keys = [cached_engine(request_of(**change), folder).key for change in others]
    assert builds(caplog) == len(set(keys)) == len(engines(folder)) == len(others)
    for change in others:
        cached_engine(request_of(**change), folder)
    assert builds(caplog) == len(others)


def test_other_specification_of_the_same_file(request_of, folder, caplog, spec):
    cached_engine(request_of(), folder)
    changed = replace(spec, mean=(0.0, 0.0, 0.0))
    assert cached_engine(request_of(model=changed), folder).spec == changed
    assert builds(caplog) == 2
    assert "belongs to another model" in caplog.text


def cut(path):
    path.write_bytes(path.read_bytes()[:-100])


def lie(path):
    """Let the JSON file claim another version, as a copied file would."""
    known = json.loads(sidecar_path(path).read_text())
    known["key"]["version"] = "1.0.0.0"
    sidecar_path(path).write_text(json.dumps(known))


@pytest.mark.parametrize(
    "damage",
    [
        cut,
        lie,
        lambda path: path.unlink(),
        lambda path: sidecar_path(path).unlink(),
        lambda path: sidecar_path(path).write_text("{"),
    ],
)
def test_damaged_entry_is_built_again(request_of, folder, caplog, damage):
    first = cached_engine(request_of(), folder)
    damage(engines(folder)[0])
    second = cached_engine(request_of(), folder)
    assert builds(caplog) == 2
    assert second.key == first.key
    assert read_engine(engines(folder)[0]) == second


def test_nothing_to_build_for(request_of, folder):
    with pytest.raises(BackendError, match=r"tiny\.onnx: there is no GPU to build for: name"):
        cached_engine(request_of(gpu=None), folder)


def test_cancelled_build_leaves_nothing(request_of, folder):
    with pytest.raises(BackendError, match="cancelled: nothing was written"):
        cached_engine(request_of(), folder, hooks=Hooks(stop=lambda: True))
    assert [path.name for path in folder.iterdir()] == ["lock"]
    cached_engine(request_of(), folder)  # and the lock is free


def test_cancelled_while_another_program_builds(request_of, folder):
    folder.mkdir()
    asked = []
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(BackendError, match=r"waiting for another program .* was cancelled"):
            cached_engine(
                request_of(), folder, hooks=Hooks(stop=lambda: bool(asked.append(1) or asked[2:]))
            )
    assert len(asked) == 3


def test_leftovers_of_a_killed_process_are_removed(request_of, folder):
    folder.mkdir()
    (folder / "0123.engine.77.part").write_bytes(b"half")
    cached_engine(request_of(), folder)
    assert list(folder.glob("*.part")) == []


def test_folder_that_cannot_be_made(request_of, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(BackendError, match=r"kept here \(Not a directory\): set XDG_CACHE_HOME"):
        cached_engine(request_of(), tmp_path / "file" / "cache")


def test_default_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert default_folder() == tmp_path / ".cache/vpr_ros/engines"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert default_folder() == tmp_path / ".cache/vpr_ros/engines"
    monkeypatch.setenv("XDG_CACHE_HOME", "/var/cache")
    assert default_folder() == Path("/var/cache/vpr_ros/engines")


def test_progress_is_logged_now_and_then(caplog):
    logged_progress(every_s=0.0)("Building engine", 3, 7)
    assert caplog.messages == ["Building engine: 3 of 7 steps"]
    logged_progress(every_s=60.0)("Building engine", 4, 7)
    assert len(caplog.messages) == 1


PROGRAM = """
import json, logging, resource, sys
from pathlib import Path
from vpr_ros.backends.engine_cache import EngineRequest, cached_engine
from vpr_ros.backends.sidecar import spec_from_json
from vpr_ros.backends.tensorrt_engine import OnnxFile
from vpr_ros.backends.tensorrt_library import find_tensorrt
from vpr_ros.errors import BackendError

path, spec = Path(sys.argv[1]), spec_from_json(json.loads(sys.argv[2]))
library = find_tensorrt("tensorrt_rtx")
request = EngineRequest(OnnxFile(path, path.read_bytes()), spec, library, None, ("8.6",))
logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(message)s")
if len(sys.argv) > 3:
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), int(sys.argv[3])))
try:
    print(cached_engine(request).key.digest)
except BackendError as error:
    sys.exit(f"refused: {error}")
"""


def started(tiny, spec, tmp_path, *arguments):
    """A program of its own that asks for the tiny network's engine."""
    text = json.dumps(asdict(spec))
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(tiny.path), text, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "XDG_CACHE_HOME": str(tmp_path)},
    )


@pytest.mark.usefixtures("rtx")
def test_two_programs_build_once(tiny, spec, tmp_path):
    programs = [started(tiny, spec, tmp_path) for _ in range(2)]
    said = [program.communicate(timeout=60)[0].splitlines() for program in programs]
    assert sorted(len(lines) for lines in said) == [1, 2]  # one of them says that it builds
    assert said[0][-1] == said[1][-1] == engines(tmp_path / "vpr_ros" / "engines")[0].stem


@pytest.mark.usefixtures("rtx")
def test_full_disk(tiny, spec, tmp_path):
    """The kernel refuses to let files of the process grow."""
    program = started(tiny, spec, tmp_path, "1000")
    _, errors = program.communicate(timeout=60)
    assert program.returncode == 1
    assert "refused: " in errors
    assert "the engine cannot be written (File too large): make room for 1 MiB" in errors
    assert [path.name for path in (tmp_path / "vpr_ros/engines").iterdir()] == ["lock"]
