# SPDX-License-Identifier: Apache-2.0
"""Verb ``export``: a method's networks as files that a robot runs without PyTorch."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from vpr_ros.backends.options import NO_HOOKS
from vpr_ros.cli.options import add_list, add_option, add_output, add_set, assigned
from vpr_ros.cli.terminal import say
from vpr_ros.config import METHODS
from vpr_ros.datatypes import ImageArray
from vpr_ros.drives.image_files import ImageFolder
from vpr_ros.errors import BackendError, ConfigError, DatasetError
from vpr_ros.extractors.network import prepared
from vpr_ros.images import read_image
from vpr_ros.models import NETWORKS, VARIANTS, network_of, variant_of
from vpr_ros.simulation.laps import Film, map_lap, small_drive
from vpr_ros.simulation.street import build_town

SUMMARY = "write a method's networks as ONNX files and TensorRT engines, checked against PyTorch"

_SIZE = re.compile(r"([1-9][0-9]{0,3})x([1-9][0-9]{0,3})")
_PRECISIONS = ("fp32", "fp16", "int8")
_FORMATS = ("onnx", "tensorrt")
_TRUTHS = {"true": 1.0, "false": 0.0}
_IMAGES = 6  # to compare on: each costs a second or two of either runtime
_FEWEST = 2  # a reranker compares images


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's options."""
    methods = [name for name in METHODS if name in NETWORKS]
    parser.add_argument("--method", required=True, choices=methods, metavar="NAME")
    add_option(parser, "--variant", "NAME", "another of the method's networks", "")
    add_option(parser, "--weights", "FILE", "of PyTorch", required=True)
    text = "of the network's input, pixels (default: what it was trained for)"
    parser.add_argument("--size", metavar="HEIGHTxWIDTH", help=text)
    for name, choices, text in (
        ("--precision", _PRECISIONS, "fp16 is for GPUs, int8 for CPUs"),
        ("--format", _FORMATS, "tensorrt: an engine beside each ONNX file"),
    ):
        text += " (default: %(default)s)"
        parser.add_argument(name, default=choices[0], choices=choices, help=text)
    text = (
        "compute capability of GPUs to build engines for, such as 8.6; may be given several "
        "times, needs TensorRT for RTX, and no GPU (default: this machine's)"
    )
    add_list(parser, "--capability", "capabilities", "X.Y", text)
    text = "photographs to check the files on; rendered ones if not given"
    add_option(parser, "--images", "FOLDER", text)
    add_set(parser, "a setting of the network (listed below)")
    add_output(parser, "DIR")
    lines = [f"  {name}{_variants(name)}: {', '.join(_known(name)) or '-'}" for name in methods]
    parser.epilog = "methods (variants): settings\n" + "\n".join(lines)


def run(args: argparse.Namespace) -> int:
    """Export."""
    engines = args.format == "tensorrt"
    if args.capabilities and not engines:
        raise ConfigError("--capability is for --format tensorrt: ONNX files run on any machine")
    if engines and args.precision == "int8":
        raise ConfigError("--precision int8 is for CPUs: choose fp16 for --format tensorrt")
    for path in _exported(args, engines):
        say(f"wrote {path}")
    return 0


def _exported(args: argparse.Namespace, engines: bool) -> list[Path]:
    try:
        from vpr_ros.backends.export import ExportRequest, export, export_engine
    except ImportError as error:
        raise BackendError(
            f"exporting needs PyTorch and ONNX ({error}): pip install torch torchvision timm "
            "safetensors onnx onnxscript onnxruntime"
        ) from error
    network = variant_of(args.method, args.variant)
    height, width = _size(args.size, network)
    settings = _settings(network, args.settings)
    request = ExportRequest(args.weights, network, (width, height), args.precision, settings)
    images = _photographs(args.images) if args.images else _rendered(height, width)
    source = args.images or "a rendered street; --images names photographs"
    say(f"checking on {len(images)} images of {source}")
    spec = replace(network_of(network).spec, input_height=height, input_width=width)
    graphs = export(request, [prepared(image, spec) for image in images], args.output, say)
    if not engines:
        return [graph.path for graph in graphs]
    return [export_engine(graph, tuple(args.capabilities), NO_HOOKS, say) for graph in graphs]


def _size(text: str | None, network: str) -> tuple[int, int]:
    """Height and width, pixels."""
    if text is None:
        spec = network_of(network).spec
        return spec.input_height, spec.input_width
    match = _SIZE.fullmatch(text)
    if not match:
        raise ConfigError(f"--size {text}: write HEIGHTxWIDTH in pixels, such as 480x640")
    return int(match[1]), int(match[2])


def _settings(network: str, assignments: Sequence[str]) -> dict[str, float]:
    """What ``NAME=VALUE`` changes of a network's settings; the network knows what is possible."""
    known = network_of(network).spec.settings
    values: dict[str, float] = {}
    for name, text in assigned(assignments).items():
        if name not in known:
            raise ConfigError(f"{network} has no setting {name!r}; known: {', '.join(known)}")
        try:
            values[name] = _TRUTHS[text] if text in _TRUTHS else float(text)
        except ValueError:
            raise ConfigError(f"--set {name}={text}: write a number, true or false") from None
    return values


def _variants(method: str) -> str:
    return f" ({', '.join(VARIANTS[method])})" if method in VARIANTS else ""


def _known(method: str) -> list[str]:
    return [f"{name}={value:g}" for name, value in NETWORKS[method].spec.settings.items()]


def _photographs(folder: Path) -> list[ImageArray]:
    """Some images from all over a folder."""
    paths = ImageFolder(folder).paths
    if len(paths) < _FEWEST:
        raise DatasetError(f"{folder} holds {len(paths)} image: {_FEWEST} are needed at least")
    return [read_image(paths[index]) for index in _spread(len(paths))]


def _rendered(height: int, width: int) -> list[ImageArray]:
    """Some views of a simulated town."""
    drive = replace(small_drive(), image_width=width, image_height=height)
    film = Film(drive, build_town(drive.plan, drive.seed), map_lap(drive))
    return [film.frame(index) for index in _spread(len(film.trajectory))]


def _spread(count: int) -> list[int]:
    """Numbers of a few out of so many, the first and the last among them."""
    return [int(index) for index in np.linspace(0, count - 1, min(count, _IMAGES))]
