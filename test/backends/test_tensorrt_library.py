# SPDX-License-Identifier: Apache-2.0
"""Which TensorRT is found, and what is said where there is none, or none that works."""

import gc
import sys

import pytest

from vpr_ros.backends.tensorrt_library import find_tensorrt, uncollected
from vpr_ros.errors import BackendError

NAMES = ("tensorrt", "tensorrt_rtx", "tensorrt_rtx_bindings")


@pytest.fixture
def install(tmp_path, monkeypatch):
    """The function that puts a package with some source where Python finds it first."""
    monkeypatch.syspath_prepend(tmp_path)

    def make(name, source):
        monkeypatch.setitem(sys.modules, name, None)  # so that it is as before afterwards
        del sys.modules[name]
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(source)

    return make


@pytest.fixture
def nothing(monkeypatch):
    for name in NAMES:
        monkeypatch.setitem(sys.modules, name, None)


def test_rtx_wheels(rtx):
    assert rtx.name == "tensorrt_rtx"
    assert rtx.is_rtx
    assert rtx.version == rtx.module.__version__
    assert len(rtx.version.split(".")) == 4


@pytest.mark.usefixtures("nothing")
@pytest.mark.parametrize("name", ["", "tensorrt", "tensorrt_rtx"])
def test_nothing_installed(name):
    with pytest.raises(
        BackendError, match=r"is not installed: pip install tensorrt, .*-cu13-libs$"
    ):
        find_tensorrt(name)


def test_unknown_name():
    with pytest.raises(BackendError, match="'torch' is unknown: choose tensorrt or tensorrt_rtx"):
        find_tensorrt("torch")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("import ctypes; ctypes.CDLL('libnvinfer.so.99')", "libnvinfer.so.99: cannot open"),
        ("import tensorrt_libs_that_are_missing", "No module named 'tensorrt_libs_that_are_mis"),
        ("from os import nothing_of_this_name", "cannot import name"),
    ],
)
def test_broken_installation_is_not_passed_over(install, source, said):
    install("tensorrt", source)
    with pytest.raises(BackendError, match=f"tensorrt is installed, but does not load .*{said}"):
        find_tensorrt()


def test_too_old(install):
    install("tensorrt", "__version__ = '8.6.2.3'")
    with pytest.raises(BackendError, match=r"TensorRT 8\.6\.2\.3 is too old: 10\.0 or newer"):
        find_tensorrt()


def test_first_choice_is_tensorrt(install):
    install("tensorrt", "__version__ = '10.7.0'")
    install("tensorrt_rtx", "__version__ = '1.2.0'")
    assert find_tensorrt().name == "tensorrt"
    assert find_tensorrt("tensorrt_rtx").version == "1.2.0"


def test_nothing_is_collected_while_tensorrt_may_hold_its_lock():
    """A builder that is collected while another one is made, and logs, would wait for ever."""
    with uncollected():
        assert not gc.isenabled()
        with uncollected():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()
    with pytest.raises(BackendError), uncollected():
        raise BackendError("no builder")
    assert gc.isenabled()
