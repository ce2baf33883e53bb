# SPDX-License-Identifier: Apache-2.0
"""PyTorch networks as ONNX files and TensorRT engines that robots run without PyTorch.

The files hold everything: weights, and what must be known of them. None is written before it has
computed the network's own numbers, except engines for other GPUs.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from onnx import ModelProto, helper
from torch import Tensor, nn

from vpr_ros.atomic_file import write_files
from vpr_ros.backends.base import (
    CANDIDATES,
    GLOBAL_DESCRIPTOR,
    IMAGE,
    LOCAL_FEATURES,
    QUERY,
    SCORES,
    Backend,
)
from vpr_ros.backends.choice import TENSORRT
from vpr_ros.backends.engine_cache import EngineRequest, cached_engine
from vpr_ros.backends.engine_file import ENGINE, write_engine
from vpr_ros.backends.exported import (
    LOCAL_COUNT,
    ONNX,
    SPEC_KEY,
    read_exported,
    reranker_path,
    to_text,
)
from vpr_ros.backends.onnx_backend import OnnxBackend
from vpr_ros.backends.onnx_precision import in_precision
from vpr_ros.backends.options import BackendOptions, Hooks
from vpr_ros.backends.parity import TOLERANCES, Figure, compare_extractors, compare_rerankers
from vpr_ros.backends.sidecar import sidecar_path
from vpr_ros.backends.tensorrt_engine import OnnxFile
from vpr_ros.backends.tensorrt_library import find_tensorrt
from vpr_ros.backends.torch_backend import TorchBackend
from vpr_ros.datatypes import FloatArray, ModelSpec
from vpr_ros.errors import BackendError
from vpr_ros.models import network_of
from vpr_ros.models.weights import load

Tell = Callable[[str], None]
Compare = Callable[[Backend], list[Figure]]

_OPSET = 18  # the oldest that has all operators of these networks; TensorRT 10 reads it
_SAMPLE = 3  # candidates to trace with: an axis of one would be taken for fixed


@dataclass(frozen=True)
class ExportRequest:
    """What to export, and for what."""

    weights: Path  # file of PyTorch weights
    method: str  # the extractor's name in ``vpr_ros.models``
    input_size: tuple[int, int]  # width and height, pixels
    precision: str = "fp32"  # a key of ``parity.TOLERANCES``
    settings: Mapping[str, float] = field(default_factory=dict)  # other than the network's own

    def __post_init__(self) -> None:
        if self.precision not in TOLERANCES:
            known = ", ".join(TOLERANCES)
            raise BackendError(f"precision = {self.precision!r}: choose one of {known}")

    @property
    def file_name(self) -> str:
        """Of the extractor."""
        width, height = self.input_size
        return f"{self.method}_{height}x{width}_{self.precision}{ONNX}"


@dataclass(frozen=True)
class Exported:
    """One graph that was written, and what it can be compared with."""

    path: Path
    spec: ModelSpec
    compare: Compare  # gives the figures of whatever else is made of the file


class _Source:
    """A network that becomes a file."""

    def __init__(self, request: ExportRequest, name: str, settings: Mapping[str, float]) -> None:
        loaded = load(request.weights, name, settings)
        options = BackendOptions(input_size=request.input_size)
        self.module: nn.Module = loaded.module
        self.network = TorchBackend(loaded.module, loaded.spec, options)
        self.spec = replace(
            self.network.spec, precision=request.precision, runtime=""
        )  # of the file


def export(
    request: ExportRequest, images: Sequence[FloatArray], folder: Path, tell: Tell
) -> list[Exported]:
    """Write a method's graphs with their JSON files: all of them, or none.

    Args:
        request: what to export.
        images: photographs to compare network and graph on, float32 [1, 3, H, W], normalized.
        folder: where the files shall be; made if it is not there.
        tell: is told each graph's name and how close it came.

    Returns:
        The graphs, the extractor's first.

    Raises:
        BackendError: a graph is out of tolerance, or does not run.
        WeightsError: the weights cannot be read, or do not fit.
        ConfigError: the network, a setting or the input size is impossible.
        OSError: the folder cannot be written.
    """
    path, tolerance = folder / request.file_name, TOLERANCES[request.precision]
    extractor = _Source(request, request.method, request.settings)
    exact = [extractor.network.run({IMAGE: image}) for image in images]
    compare = partial(compare_extractors, exact, images=images, tolerance=tolerance)
    graphs = [Exported(path, extractor.spec, compare)]
    contents = _passed(graphs[0], _describing(extractor), tell)
    if network_of(request.method).reranker:
        features = np.concatenate([each[LOCAL_FEATURES] for each in exact])
        reranker, graph = _reranker(request, path, features)
        contents |= _passed(reranker, graph, tell)
        graphs.append(reranker)
    folder.mkdir(parents=True, exist_ok=True)
    write_files(contents)
    return graphs


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
    gpu, checked = None, "not checked: built for other GPUs"
    if not capabilities:
        # Imported here: without a GPU, engines for others can be built without cuda-python.
        from vpr_ros.backends.cuda_device import find_gpu
        from vpr_ros.backends.tensorrt_backend import opened

        options = BackendOptions(TENSORRT, "cuda", hooks=hooks)
        backend = opened(exported.path, exported.spec.method, options)
        _check_figures(exported.path, exported.compare(backend), tell)
        backend.close()
        gpu, checked = find_gpu(0), "checked on this GPU"
    onnx = OnnxFile(exported.path, read_exported(exported.path))
    request = EngineRequest(onnx, exported.spec, find_tensorrt(), gpu, capabilities)
    engine = cached_engine(request, hooks=hooks)  # what was checked was put there a moment ago
    path = exported.path.with_suffix(ENGINE)
    write_engine(path, engine)
    tell(f"{path.name}, {len(engine.plan) / 1e6:.1f} MB, {checked}")
    return path


def _reranker(
    request: ExportRequest, extractor: Path, features: FloatArray
) -> tuple[Exported, ModelProto]:
    """The reranker of local features [B, K, 3 + C]."""
    source = _Source(request, network_of(request.method).reranker, {})
    count = features.shape[1]
    spec = replace(source.spec, settings={LOCAL_COUNT: float(count)})
    inputs = {QUERY: features[:1], CANDIDATES: features}
    exact = source.network.run(inputs)[SCORES]
    tolerance = TOLERANCES[request.precision]
    compare = partial(compare_rerankers, exact, inputs=inputs, tolerance=tolerance)
    return Exported(reranker_path(extractor), spec, compare), _scoring(source, count)


def _passed(exported: Exported, graph: ModelProto, tell: Tell) -> dict[Path, bytes]:
    """The contents of a graph's files, if it computes what its network does."""
    path, text = exported.path, to_text(exported.spec)
    model = in_precision(graph, exported.spec.precision)
    helper.set_model_props(model, {SPEC_KEY: text})
    content: bytes = model.SerializeToString()
    tell(f"{path.name}, {len(content) / 1e6:.1f} MB")
    _check_figures(path, exported.compare(OnnxBackend(path, content)), tell)
    return {path: content, sidecar_path(path): f"{text}\n".encode()}


def _check_figures(path: Path, figures: Sequence[Figure], tell: Tell) -> None:
    """Tell how close a file came to its network; BackendError if it is out of tolerance."""
    for figure in figures:
        tell(f"  {figure}")
    failed = ", ".join(figure.name for figure in figures if not figure.passes)
    if failed:
        raise BackendError(f"{path} is out of tolerance ({failed}): choose a higher precision")


def _describing(source: _Source) -> ModelProto:
    """The graph of an extractor."""
    image = torch.zeros(1, 3, source.spec.input_height, source.spec.input_width)
    return traced_graph(source.module, {IMAGE: image}, (GLOBAL_DESCRIPTOR, LOCAL_FEATURES), None)


def _scoring(source: _Source, count: int) -> ModelProto:
    """The graph of a reranker of images with this many local features."""
    query = torch.zeros(1, count, 3 + source.spec.local_dim)
    inputs = {QUERY: query, CANDIDATES: query.expand(_SAMPLE, -1, -1)}
    free = {QUERY: None, CANDIDATES: {0: torch.export.Dim(CANDIDATES)}}
    return traced_graph(source.module, inputs, (SCORES,), free)


def traced_graph(
    module: nn.Module, inputs: Mapping[str, Tensor], outputs: Sequence[str], free: Any
) -> ModelProto:
    """The graph of a network in fp32, with everything folded that does not depend on inputs."""
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")  # about torch's own inner life
        program = torch.onnx.export(
            module,
            tuple(inputs.values()),
            dynamo=True,
            verbose=False,
            opset_version=_OPSET,
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_shapes=free,
        )
    model: ModelProto = cast("torch.onnx.ONNXProgram", program).model_proto
    for each in (model.graph, *model.graph.node):
        del each.metadata_props[:]  # which line of which file on this machine made it
    return model
