# SPDX-License-Identifier: Apache-2.0
"""Scenes and samples that every test may use, and hypothesis without a stopwatch."""

import dataclasses
import fcntl
import fnmatch
import hashlib
import os
import sys
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, settings

sys.path.insert(0, str(Path(__file__).parent / "models"))  # weights and inputs of golden numbers

SHIPPED_WEIGHTS = Path(__file__).parents[1] / "weights" / "r2former_tiny.safetensors"

# Machines that build packages are busy: time says nothing about whether a property holds.
settings.register_profile("vpr_ros", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("vpr_ros")


# What takes a worker longest, the dearest first: what runs at the end should be short.
LONGEST = (
    "training/test_recipes_learn.py",
    "nodes/test_end_to_end.py",
    "training/papers/test_appsvr_start.py",
    "backends/",
    "models/",
    "nodes/",
    "training/",
    "evaluation/",
    "simulation/",
)

# Networks in their published sizes, and training until photos are known by heart: half of all the
# time, for what smaller networks and shorter runs show as well in every other way.
SLOW = (
    "training/papers/test_published.py::test_places_are_learned_by_heart",
    "training/papers/test_appsvr_start.py::test_a_tiny_data_set_is_learned_by_heart",
    "training/papers/test_appsvr_start.py::test_from_a_vgg_to_a_whitened_descriptor",
    "training/papers/test_classes.py::test_a_killed_run_keeps_its_classifier",
    "training/papers/test_map_stage.py::test_maps_teach_which_is_which",
    "training/test_recipes_learn.py::*[[]*[!y]]",  # all but the shipped network's
    "training/test_loop.py::test_a_run_that_was_killed_ends_as_one_that_was_not",
    "training/test_loop.py::test_a_handful_of_photos_is_learned_by_heart",
    "training/test_loop.py::test_sigkill",
    "training/test_devices.py::test_two_processes_average_their_gradients",
    "training/test_losses.py::test_losses_are_those_of_the_authors",
    "cli/test_export_verb.py::test_export_on_rendered_images",
    "cli/test_export_verb.py::test_the_file_maps_and_localizes",
    "cli/test_export_verb.py::test_engines_for_other_gpus",
    "cli/test_map_and_localize.py::test_networks_map_and_localize*",
    "backends/test_export.py::*r2former*",
    "backends/test_export.py::test_a_reranker_out_of_tolerance_keeps_the_extractor_away",
    "backends/test_export.py::test_every_graph_passes_the_gate_and_says_what_it_is[[]*-fp16]",
    "backends/test_export_patches.py::*[[]sup_vpr_small*",
    "backends/test_onnx_backend.py::*r2former*",
    "backends/test_onnx_backend.py::test_reranker_with_any_number_of_candidates",
    "backends/test_tensorrt_engine.py::test_every_graph_becomes_an_engine*",
    "backends/test_tensorrt_engine.py::test_too_little_workspace",
    "backends/test_export.py::test_settings_are_in_the_file",
    "backends/test_export_patches.py::*[[]appsvr-int8]",
    "test_network_pipeline.py::test_patches_of_fourteen_pixels",
    "test_network_pipeline.py::test_maps_of_another_input_are_refused*",
    "route/test_rendered_poses.py::*fisheye*",
    "route/test_rendered_poses.py::*[[]night]",
    "test_network_pipeline.py::*[[]transvpr]",
    "test_network_pipeline.py::*[[]r2former]",
    "models/test_r2former.py::test_deit_base",
    "models/test_r2former.py::test_resnet50",
    "models/test_r2former.py::test_true_grid_is_not_skewed",
    "models/test_r2former_reranker.py::test_graph_does_not_depend_on_data",
    "models/test_r2former.py::test_other_input_sizes[[][!2]*",  # all but the smallest
    "models/test_transvpr.py::test_every_number_equals_the_reference[[]A_480x640*",
    "models/test_transvpr.py::test_every_number_equals_the_reference[[]S_*",
    "models/test_transvpr.py::test_table_makes_every_variant",
    "models/test_sup_vpr.py::*[[]registers]",
)


def pytest_addoption(parser):
    parser.addoption("--slow", action="store_true", help="also run what takes long")


def pytest_configure(config):
    """Workers side by side talk on domains of their own, and compute on one core each."""
    if getattr(config.option, "numprocesses", None):  # before they start
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if "PYTEST_XDIST_WORKER" in os.environ:
        cv2.setNumThreads(1)
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    domain = int(os.environ.get("ROS_DOMAIN_ID", 1 + os.getpid() % 101))
    os.environ["ROS_DOMAIN_ID"] = str((domain + worker) % 102)  # Linux has ports for so many


def pytest_collection_modifyitems(config, items):
    """Long files first, so that no worker is left with one while the others are done."""
    if not config.getoption("--slow"):
        skipped = pytest.mark.skip(reason="takes long: make test PYTEST_ARGS=--slow")
        for item in items:
            if any(fnmatch.fnmatchcase(item.nodeid.removeprefix("test/"), one) for one in SLOW):
                item.add_marker(skipped)

    def rank(item):
        path = item.nodeid.removeprefix("test/")
        starts = [number for number, start in enumerate(LONGEST) if path.startswith(start)]
        return min(starts, default=len(LONGEST))

    items.sort(key=rank)


def draw_scene(seed, height=240, width=320):
    """A facade of colored rectangles that no other seed draws, RGB uint8 [H, W, 3]."""
    random = np.random.default_rng(seed)
    image = np.full((height, width, 3), random.integers(60, 200, 3), np.uint8)
    for _ in range(height * width // 600):
        x, y = int(random.integers(width)), int(random.integers(height))
        corner = (x + int(random.integers(6, 40)), y + int(random.integers(6, 30)))
        color = tuple(int(value) for value in random.integers(0, 256, 3))
        cv2.rectangle(image, (x, y), corner, color, -1)
    return image


@pytest.fixture(scope="session")
def scene():
    """The function that draws a scene from a seed."""
    return draw_scene


@pytest.fixture(scope="session")
def generated_weights(tmp_path_factory):
    """The function that gives the file of a method's weights: generated, or those we ship."""
    pytest.importorskip("torch", reason="the networks need PyTorch")
    pytest.importorskip("timm", reason="the networks need timm")
    from generated import write_weights

    folder = shared_folder(tmp_path_factory, "weights")

    def file_of(method):
        if method == "r2former_tiny":
            return SHIPPED_WEIGHTS
        path = folder / f"{method}.pth"
        with locked(path.with_suffix(".lock")):
            if not path.exists():
                write_weights(method, path)
        return path

    return file_of


def shared_folder(tmp_path_factory, name):
    """A folder of this run of the tests, the same in all workers that run side by side."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    folder.mkdir(exist_ok=True)
    return folder


@contextmanager
def locked(path):
    """Keep other workers from making the same thing."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def shared_drive(tmp_path_factory, name, config):
    """The bags of a simulated drive, rendered by the first worker that asks for them."""
    from vpr_ros.simulation import write_drive

    folder = shared_folder(tmp_path_factory, "simulated")
    with locked(folder / f"{name}.lock"):
        return write_drive(folder / name, config)


@pytest.fixture(scope="session")
def rendered_drive(tmp_path_factory):
    """A small simulated drive and its return, as bags in small pictures."""
    from vpr_ros.simulation import small_drive

    config = dataclasses.replace(small_drive(), image_width=200, image_height=150, rate_hz=1.5)
    return shared_drive(tmp_path_factory, "rendered", config)


@pytest.fixture(scope="session")
def drive(tmp_path_factory):
    """A short simulated drive: two bags, of some 40 and 70 frames."""
    from vpr_ros.simulation import small_drive

    return shared_drive(tmp_path_factory, "small", small_drive())


@pytest.fixture(scope="session")
def exported(generated_weights, tmp_path_factory):
    """The function that gives a method's exported extractor, beside its reranker if it has one."""
    reason = "exporting needs onnx, onnxscript and onnxruntime"
    onnx, *_ = (
        pytest.importorskip(library, reason=reason)
        for library in ("onnx", "onnxscript", "onnxruntime")
    )
    from vpr_ros.backends import export
    from vpr_ros.extractors.network import prepared
    from vpr_ros.models import NETWORKS

    load, trace, made, names = export.load, export.traced_graph, {}, {}
    folder = shared_folder(tmp_path_factory, "exported")

    def loaded(path, name, settings):
        """Loading and tracing take most of an export's time, and are alike for all precisions."""
        key = f"{path} {name} {settings}"
        if key not in made:
            made[key] = load(path, name, settings)
            names[id(made[key].module)] = key
        return made[key]

    def traced(module, inputs, *others):
        """By whichever worker needs a graph first."""
        shapes = [tuple(tensor.shape) for tensor in inputs.values()]
        key = hashlib.sha256(f"{names[id(module)]} {shapes}".encode()).hexdigest()
        path = folder / f"{key[:16]}.graph"
        with locked(path.with_suffix(".lock")):
            if not path.exists():
                path.write_bytes(trace(module, inputs, *others).SerializeToString())
        return onnx.load(path)

    def file_of(method, precision="fp32", size=(224, 160)):
        request = export.ExportRequest(generated_weights(method), method, size, precision)
        path = folder / request.file_name
        with locked(path.with_suffix(".lock")):
            if path.exists():
                return path
            spec = dataclasses.replace(
                NETWORKS[method].spec, input_height=size[1], input_width=size[0]
            )
            images = [prepared(draw_scene(number), spec) for number in range(3)]
            export.export(request, images, folder, lambda line: None)
        return path

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export, "load", loaded)
        patch.setattr(export, "traced_graph", traced)
        yield file_of
