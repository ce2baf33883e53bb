# SPDX-License-Identifier: Apache-2.0
"""Building a TensorRT engine from an ONNX file, which takes seconds to minutes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vpr_ros.atomic_file import write_files
from vpr_ros.backends.options import NO_HOOKS, Hooks
from vpr_ros.backends.tensorrt_library import TensorRt, cause_of, make_logger, uncollected
from vpr_ros.errors import BackendError

# Smallest, usual and largest size of the axes that are not fixed, by their names in the ONNX file.
# The engine runs fastest at the usual size.
RANGES = {"candidates": (1, 20, 100)}
# GPU memory that an engine may use besides weights, inputs and outputs. R2Former's reranker takes
# 33 MiB for each candidate in fp32, and half of that in fp16.
WORKSPACE_MIB = 4096
_ANY = -1  # TensorRT's size of an axis that has a range


@dataclass(frozen=True)
class OnnxFile:
    """An ONNX file, read once, so that nobody changes it between two looks at it."""

    path: Path
    content: bytes


def build_engine(
    library: TensorRt,
    onnx: OnnxFile,
    capabilities: tuple[str, ...] = (),
    hooks: Hooks = NO_HOOKS,
    timing_cache: Path | None = None,
) -> bytes:
    """Build the engine of an ONNX file.

    Precisions are those of the ONNX file: the network is strongly typed.

    Args:
        library: the TensorRT to build with.
        onnx: the network; it must hold its own weights.
        capabilities: compute capabilities of GPUs, such as ``8.6``; none for this machine's GPU.
            Only TensorRT for RTX can build for others.
        hooks: are called from threads of TensorRT, after each step.
        timing_cache: file of earlier measurements, which TensorRT reuses and adds to; TensorRT
            for RTX measures nothing and leaves it alone.

    Returns:
        The engine as TensorRT serializes it.

    Raises:
        BackendError: TensorRT cannot parse or build it, or the caller stopped it.
    """
    logger, monitor = make_logger(library), _make_monitor(library, hooks)
    builder = _builder(library, logger)
    network, _parser = _parse(library, builder, logger, onnx)  # its weights are the parser's
    config = _configure(library, builder, network, capabilities, onnx.path)
    config.progress_monitor = monitor
    measured = _measurements(library, config, timing_cache)
    plan = builder.build_serialized_network(network, config)
    monitor.raise_if_stopped()
    if plan is None:
        raise BackendError(
            f"{onnx.path}: {library.name} built no engine: {cause_of(logger)}: if memory is short, "
            f"stop other programs on the GPU: it may take {WORKSPACE_MIB} MiB"
        )
    if measured is not None and timing_cache is not None:
        _keep(measured, timing_cache)
    return bytes(plan)


def _make_monitor(library: TensorRt, hooks: Hooks) -> Any:
    """What TensorRT's threads report to; it must outlive the builder.

    TensorRT asks whether to go on after each step, of which the longest take seconds to minutes.
    """

    class Monitor(library.module.IProgressMonitor):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self._steps: dict[str, int] = {}
            self._failure: BaseException | None = None
            self._stopped = False

        def phase_start(self, phase_name: str, parent_phase: str, num_steps: int) -> None:
            self._steps[phase_name] = num_steps  # names are unique among the phases that run
            self._tell(phase_name, 0, num_steps)

        def step_complete(self, phase_name: str, step: int) -> bool:
            """A step, counted from 0, is done; False if the build shall end."""
            self._tell(phase_name, step + 1, self._steps.get(phase_name, step + 1))
            return not self._stopped

        def phase_finish(self, phase_name: str) -> None:
            """A phase is over, often without having reported its last steps."""
            steps = self._steps.pop(phase_name, 0)
            if not self._stopped:
                self._tell(phase_name, steps, steps)

        def raise_if_stopped(self) -> None:
            """End what asked for the engine by BackendError, or by what the hooks raised."""
            if self._failure is not None:
                raise self._failure
            if self._stopped:
                raise BackendError(
                    "building the TensorRT engine was cancelled: nothing was written"
                )

        def _tell(self, phase: str, done: int, steps: int) -> None:
            """Call the hooks: an exception must not reach TensorRT, which would abort."""
            try:
                if hooks.progress is not None:
                    hooks.progress(phase, done, steps)
                self._stopped = self._stopped or (hooks.stop is not None and hooks.stop())
            except BaseException as error:
                self._failure, self._stopped = error, True

    return Monitor()


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
    library: TensorRt, builder: Any, network: Any, capabilities: tuple[str, ...], path: Path
) -> Any:
    trt = library.module
    config = builder.create_builder_config()
    config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, WORKSPACE_MIB << 20)
    # By default, factors of fp32 products are rounded to 10 bits; what is fp32 in an exported
    # network is so because it needs more.
    config.clear_flag(trt.BuilderFlag.TF32)
    _set_capabilities(library, config, capabilities)
    inputs = [network.get_input(number) for number in range(network.num_inputs)]
    if any(_ANY in tuple(each.shape) for each in inputs):
        profile = builder.create_optimization_profile()
        for each in inputs:
            profile.set_shape(each.name, *_shapes(each, path))
        if config.add_optimization_profile(profile) < 0:
            raise BackendError(f"{path}: {library.name} refuses the ranges {RANGES}")
    return config


def _shapes(tensor: Any, path: Path) -> list[tuple[int, ...]]:
    """Smallest, usual and largest shape of an input."""
    axes = []
    for number, size in enumerate(tensor.shape):
        name = tensor.get_dimension_name(number)
        if size == _ANY and name not in RANGES:
            raise BackendError(
                f"{path}: axis {number} of {tensor.name} is called {name!r} and has no range: "
                f"export it with a fixed size; only {', '.join(RANGES)} may differ"
            )
        axes.append(RANGES[name] if size == _ANY else (size,) * 3)
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
