# SPDX-License-Identifier: Apache-2.0
"""Exported networks as TensorRT engines, for this machine's GPU or for others."""

from __future__ import annotations

from pathlib import Path

from vpr_ros.backends.choice import TENSORRT
from vpr_ros.backends.engine_cache import EngineRequest, cached_engine
from vpr_ros.backends.engine_file import ENGINE, Engine, write_engine
from vpr_ros.backends.export import Exported, Tell, check_figures
from vpr_ros.backends.options import BackendOptions, Hooks
from vpr_ros.backends.tensorrt_engine import BuildOptions, OnnxFile
from vpr_ros.backends.tensorrt_library import find_tensorrt


def export_engine(
    exported: Exported, capabilities: tuple[str, ...], hooks: Hooks, tell: Tell
) -> Path:
    """Write the engine of an ONNX file beside it.

    Args:
        exported: the ONNX file.
        capabilities: compute capabilities of the GPUs to build for, such as 8.6; none for this
            machine's, on which the engine then has to compute the network's own numbers.
        hooks: for the build.
        tell: is told how close the engine came.

    Raises:
        BackendError: the engine cannot be built or written, is out of tolerance, or the caller
            stopped it; or TensorRT or the GPU is missing.
    """
    path = exported.path.with_suffix(ENGINE)
    if capabilities:
        engine = _for_others(exported, capabilities, hooks)
        checked = "not checked: built for other GPUs"
    else:
        engine, checked = _for_this_gpu(exported, hooks, tell), "checked on this GPU"
    write_engine(path, engine)
    tell(f"{path.name}, {len(engine.plan) / 1e6:.1f} MB, {checked}")
    return path


def _for_others(exported: Exported, capabilities: tuple[str, ...], hooks: Hooks) -> Engine:
    options = BuildOptions(capabilities=capabilities)
    onnx = OnnxFile.read(exported.path)
    return cached_engine(
        EngineRequest(onnx, exported.spec, find_tensorrt(), None, options), hooks=hooks
    )


def _for_this_gpu(exported: Exported, hooks: Hooks, tell: Tell) -> Engine:
    # Imported here: without a GPU, engines for others can be built without cuda-python.
    from vpr_ros.backends.cuda_device import find_gpu
    from vpr_ros.backends.tensorrt_backend import opened

    options = BackendOptions(TENSORRT, "cuda", hooks=hooks)
    backend = opened(exported.path, exported.spec.method, options)
    check_figures(exported.path, exported.compare(backend), tell)
    backend.close()
    onnx = OnnxFile.read(exported.path)
    # From the cache: it was built a moment ago.
    request = EngineRequest(onnx, exported.spec, find_tensorrt(), find_gpu(0), BuildOptions())
    return cached_engine(request)
