# SPDX-License-Identifier: Apache-2.0
"""Building a TensorRT engine from an ONNX file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vpr_ros.atomic_file import write_files
from vpr_ros.backends.options import NO_HOOKS, Hooks
from vpr_ros.backends.tensorrt_library import TensorRt, cause_of, make_logger, uncollected
from vpr_ros.backends.tensorrt_progress import BuildWatch, make_monitor
from vpr_ros.errors import BackendError

Range = tuple[int, int, int]  # smallest, usual and largest

CANDIDATES = "candidates"  # the axis of a reranker's graph that has a range
_ANY = -1  # TensorRT's size of an axis that has one


@dataclass(frozen=True)
class OnnxFile:
    """An ONNX file, read once, so that nobody changes it between two looks at it."""

    path: Path
    content: bytes

    @classmethod
    def read(cls, path: Path) -> OnnxFile:
        """Read a file.

        Raises:
            BackendError: it cannot be read.
        """
        try:
            return cls(path, path.read_bytes())
        except OSError as error:
            raise BackendError(f"{path} cannot be read: {error.strerror}") from error


@dataclass(frozen=True)
class BuildOptions:
    """What an engine is built for.

    Attributes:
        ranges: sizes of the axes that are not fixed, by their names in the ONNX file. The engine
            runs fastest at the usual size.
        workspace_mib: GPU memory that the engine may use besides weights, inputs and outputs, MiB.
            R2Former's reranker takes 33 for each candidate in fp32, and half of that in fp16.
        capabilities: compute capabilities of GPUs, such as ``8.6``; none for this machine's GPU.
            Only TensorRT for RTX can build for others.
    """

    ranges: Mapping[str, Range] = field(default_factory=lambda: {CANDIDATES: (1, 20, 100)})
    workspace_mib: int = 4096
    capabilities: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, (smallest, usual, largest) in self.ranges.items():
            if not 1 <= smallest <= usual <= largest:
                raise BackendError(
                    f"range of {name} = {smallest}, {usual}, {largest}: must rise from at least 1"
                )
        if self.workspace_mib < 1:
            raise BackendError(f"workspace_mib = {self.workspace_mib}: must be at least 1")


def build_engine(
    library: TensorRt,
    onnx: OnnxFile,
    options: BuildOptions | None = None,
    hooks: Hooks = NO_HOOKS,
    timing_cache: Path | None = None,
) -> bytes:
    """Build the engine of an ONNX file.

    Precisions are those of the ONNX file: the network is strongly typed.

    Args:
        library: the TensorRT to build with.
        onnx: the network; it must hold its own weights.
        options: what to build for.
        hooks: are called from threads of TensorRT, after each step.
        timing_cache: file of earlier measurements, which TensorRT reuses and adds to; TensorRT
            for RTX measures nothing and leaves it alone.

    Returns:
        The engine as TensorRT serializes it.

    Raises:
        BackendError: TensorRT cannot parse or build it, or the caller stopped it.
    """
    options = options or BuildOptions()
    logger, watch = make_logger(library), BuildWatch(hooks)
    monitor = make_monitor(library, watch)
    builder = _builder(library, logger)
    network, _parser = _parse(library, builder, logger, onnx)  # its weights are the parser's
    config = _configure(library, builder, network, options, onnx.path)
    config.progress_monitor = monitor
    measured = _measurements(library, config, timing_cache)
    plan = builder.build_serialized_network(network, config)
    watch.raise_if_stopped()
    if plan is None:
        raise _not_built(library, onnx, options, logger)
    if measured is not None and timing_cache is not None:
        _keep(measured, timing_cache)
    return bytes(plan)


def _not_built(
    library: TensorRt, onnx: OnnxFile, options: BuildOptions, logger: Any
) -> BackendError:
    return BackendError(
        f"{onnx.path}: {library.name} built no engine: {cause_of(logger)}: if memory is short, "
        f"raise workspace_mib = {options.workspace_mib}, or lower the ranges' largest sizes"
    )


def _builder(library: TensorRt, logger: Any) -> Any:
    try:
        with uncollected():
            return library.module.Builder(logger)
    except (RuntimeError, TypeError) as error:  # pybind11's word for a null pointer is TypeError
        raise BackendError(
            f"{library.name} {library.version} cannot build engines here: {cause_of(logger)}"
        ) from error


def _parse(library: TensorRt, builder: Any, logger: Any, onnx: OnnxFile) -> tuple[Any, Any]:
    trt = library.module
    # TensorRT 11 knows no other networks and ignores the flag.
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = trt.OnnxParser(network, logger)
    # Without the path, so that an engine is made of nothing but this file.
    if not parser.parse(onnx.content):
        raise BackendError(
            f"{onnx.path}: {library.name} {library.version} cannot parse {_first(parser)}"
        )
    return network, parser


def _first(parser: Any) -> str:
    """The first thing that the parser did not understand, in one line."""
    if not parser.num_errors:
        return "it, and does not say why"
    error = parser.get_error(0)
    reason = " ".join(error.desc().split())
    if error.node() < 0:
        return f"it: {reason}: is this a whole ONNX file that holds its own weights?"
    name, operator = error.node_name() or f"number {error.node()}", error.node_operator()
    return f"node {name} ({operator}): {reason}"


def _configure(
    library: TensorRt, builder: Any, network: Any, options: BuildOptions, path: Path
) -> Any:
    trt = library.module
    config = builder.create_builder_config()
    config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, options.workspace_mib << 20)
    # By default, factors of fp32 products are rounded to 10 bits; what is fp32 in an exported
    # network is so because it needs more.
    config.clear_flag(trt.BuilderFlag.TF32)
    _set_capabilities(library, config, options.capabilities)
    inputs = [network.get_input(number) for number in range(network.num_inputs)]
    if any(_ANY in tuple(each.shape) for each in inputs):
        profile = builder.create_optimization_profile()
        for each in inputs:
            profile.set_shape(each.name, *_shapes(each, options, path))
        if config.add_optimization_profile(profile) < 0:
            raise BackendError(f"{path}: {library.name} refuses the ranges {dict(options.ranges)}")
    return config


def _shapes(tensor: Any, options: BuildOptions, path: Path) -> list[tuple[int, ...]]:
    """Smallest, usual and largest shape of an input."""
    axes = []
    for number, size in enumerate(tensor.shape):
        name = tensor.get_dimension_name(number)
        if size == _ANY and name not in options.ranges:
            raise BackendError(
                f"{path}: axis {number} of {tensor.name} is called {name!r} and has no range: "
                f"give it one, besides those of {', '.join(options.ranges) or 'no axis'}"
            )
        axes.append(options.ranges[name] if size == _ANY else (size,) * 3)
    return [tuple(axis[which] for axis in axes) for which in range(3)]


def _set_capabilities(library: TensorRt, config: Any, capabilities: tuple[str, ...]) -> None:
    if not capabilities:
        return
    if not library.is_rtx:
        raise BackendError(
            f"compute capability {', '.join(capabilities)}: {library.name} builds for the GPU of "
            "this machine only: build there, or install tensorrt-rtx-cu13-bindings"
        )
    config.num_compute_capabilities = len(capabilities)
    for number, capability in enumerate(capabilities):
        config.set_compute_capability(_capability(library, capability), number)


def _capability(library: TensorRt, capability: str) -> Any:
    """TensorRT's member for 8.6."""
    known = library.module.ComputeCapability.__members__
    name = "SM" + capability.replace(".", "")
    if name not in known:
        able = ", ".join(f"{each[2:-1]}.{each[-1]}" for each in known if each.startswith("SM"))
        raise BackendError(
            f"compute capability {capability}: {library.name} {library.version} builds for {able}"
        )
    return known[name]


def _measurements(library: TensorRt, config: Any, path: Path | None) -> Any:
    """Attach the measurements of earlier builds; those of another GPU or version start anew."""
    if path is None or library.is_rtx:
        return None
    for content in (path.read_bytes() if path.is_file() else b"", b""):
        cache = config.create_timing_cache(content)
        if cache is not None and config.set_timing_cache(cache, False):
            return cache
    return None


def _keep(measured: Any, path: Path) -> None:
    try:
        write_files({path: bytes(measured.serialize())})
    except OSError as error:
        raise BackendError(f"{path} cannot be written: {error.strerror}: make room") from error
