# SPDX-License-Identifier: Apache-2.0
"""The script for RTAB-Map's PyDescriptor, imported and called as RTAB-Map does."""

import importlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from vpr_ros import pipeline
from vpr_ros.config import PipelineConfig

SCRIPT = Path(__file__).parents[1] / "scripts" / "rtabmap_descriptor.py"
DIM = 256

AS_RTABMAP = """
import sys
del sys.argv
sys.path.append({folder!r})
hook = __import__({name!r})
assert hook.init(256) is None
import numpy as np
print(hook.extract(np.zeros((48, 64, 3), np.int8)).shape)
assert not any(name in sys.modules for name in ("rclpy", "torch"))
"""


@pytest.fixture
def hook(monkeypatch):
    """The module, imported by the file's name up to its first dot, from the last of the folders."""
    monkeypatch.delenv("VPR_ROS_SETTINGS", raising=False)
    monkeypatch.setattr(sys, "path", [*sys.path, str(SCRIPT.parent)])
    name = SCRIPT.name.split(".")[0]
    yield importlib.import_module(name)
    sys.modules.pop(name)


def as_rtabmap_gives(rgb):
    """The bytes of an OpenCV image, read as signed."""
    return np.ascontiguousarray(rgb[..., ::-1]).view(np.int8)


def test_the_descriptor_is_that_of_the_nodes(hook, scene):
    hook.init(DIM)
    image = scene(3)
    found = hook.extract(as_rtabmap_gives(image))
    assert (found.dtype, found.shape) == (np.float32, (1, DIM))
    assert found.flags["C_CONTIGUOUS"]  # RTAB-Map reads the memory as it lies
    assert np.linalg.norm(found) == pytest.approx(1.0, abs=1e-6)
    expected = pipeline.build(PipelineConfig()).extractor.extract(image).global_descriptor
    np.testing.assert_array_equal(found[0], expected)


def test_bright_pixels_are_not_negative_ones(hook, scene):
    hook.init(DIM)
    bright = np.where(scene(4) > 127, 255, 0).astype(np.uint8)
    assert (as_rtabmap_gives(bright) < 0).any()
    expected = pipeline.build(PipelineConfig()).extractor.extract(bright).global_descriptor
    np.testing.assert_array_equal(hook.extract(as_rtabmap_gives(bright))[0], expected)


def test_gray_images_have_one_channel(hook, scene):
    hook.init(DIM)
    gray = scene(5)[..., :1]
    three = np.repeat(gray, 3, axis=2)
    np.testing.assert_array_equal(
        hook.extract(np.ascontiguousarray(gray).view(np.int8)),
        hook.extract(as_rtabmap_gives(three)),
    )


@pytest.mark.parametrize(("dim", "settings", "why"), [
    (4096, "", "PyDescriptor/Dim is 4096: set it to 256 for r2former_tiny"),
    (DIM, "method=netvlad", "method = 'netvlad': choose one of"),
    (DIM, "method", "write NAME=VALUE"),
    (256, "method=transvpr network.weights=/none.pth", "/none.pth"),
])  # fmt: skip
def test_what_cannot_work_fails_in_extract_and_not_in_init(
    hook, scene, monkeypatch, capsys, dim, settings, why
):
    monkeypatch.setenv("VPR_ROS_SETTINGS", settings)
    hook.init(dim)
    assert why in capsys.readouterr().err
    for _ in range(2):  # each node without a descriptor, or none: a mixture ends RTAB-Map
        with pytest.raises(RuntimeError, match="vpr_ros: ") as refusal:
            hook.extract(as_rtabmap_gives(scene(1)))
        assert why in str(refusal.value)


def test_settings_reach_the_method(hook, scene, monkeypatch):
    monkeypatch.setenv("VPR_ROS_SETTINGS", "method=hog_sift sift.max_side=64")
    hook.init(3780)
    assert hook.extract(as_rtabmap_gives(scene(2))).shape == (1, 3780)


def test_one_bad_image_leaves_a_descriptor_that_says_nothing(hook, capsys):
    hook.init(DIM)
    found = hook.extract(np.zeros((4, 4, 2), np.int8))
    assert (found.dtype, found.shape, np.count_nonzero(found)) == (np.float32, (1, DIM), 0)
    assert "an image could not be described: expected BGR" in capsys.readouterr().err


def test_a_python_of_its_own_as_rtabmap_embeds_it():
    program = AS_RTABMAP.format(folder=str(SCRIPT.parent), name=SCRIPT.name.split(".")[0])
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout == "(1, 256)\n", done.stderr
