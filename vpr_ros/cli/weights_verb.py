# SPDX-License-Identifier: Apache-2.0
"""Verb ``weights``: what published weights there are, what a file holds, and a safer format."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from vpr_ros.cli.options import add_option, add_output
from vpr_ros.cli.terminal import say
from vpr_ros.errors import BackendError
from vpr_ros.models.known_weights import CHECKPOINTS, Checkpoint, published_as

if TYPE_CHECKING:
    from vpr_ros.models.weights_file import WeightsFile

SUMMARY = "list published weights, check a file of weights, or convert it to safetensors"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's options."""
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    parsers = {}
    for name, action, text in (
        ("list", _list, "weights that the methods' authors published"),
        ("check", _check, "read a file strictly and say what it holds"),
        ("convert", _convert, "write a file's weights as safetensors"),
        ("cluster", _cluster, "APPSVR: clusters to begin training with"),
        ("whiten", _whiten, "APPSVR: fit the whitening of trained weights"),
    ):
        parsers[name] = actions.add_parser(name, help=text)
        parsers[name].set_defaults(action=action)
    check, convert, cluster, whiten = (parsers[name] for name in list(parsers)[1:])
    add_output(convert, "OUT")
    convert.add_argument("--half", action="store_true", help="keep values in half precision")
    add_option(cluster, "--labels", "FOLDER", "labels of pixels, NAME.png")
    cluster.add_argument("--clusters", type=int, default=64, metavar="K")
    add_option(cluster, "--shadows", "L", "of each cluster, with --labels", 4)
    whiten.add_argument("--size", type=int, default=4096, metavar="N", help="of the descriptor")
    for each in (cluster, whiten):
        each.add_argument("file", metavar="FILE", type=Path, help="torchvision's VGG-16, or APPSVR")
        each.add_argument("--images", type=Path, required=True, metavar="FOLDER")
        add_output(each, "OUT")
    for each in (check, convert):
        each.add_argument("file", metavar="FILE", type=Path, help="*.pth, *.pt or *.safetensors")
        add_option(each, "--method", "NAME", "what it must fit", "")


def run(args: argparse.Namespace) -> int:
    """Do what was asked."""
    action: Callable[[argparse.Namespace], Iterator[str]] = args.action
    for line in action(args):
        say(line)
    return 0


def _list(_: argparse.Namespace) -> Iterator[str]:
    for checkpoint in CHECKPOINTS:
        yield checkpoint.file
        yield f"  fits        {', '.join(checkpoint.networks) or 'no network here'}"
        yield f"  trained on  {checkpoint.trained_on}"
        yield f"  from        {checkpoint.source}"
        yield f"  license     {checkpoint.license}"
        yield f"  git blob    {checkpoint.git_blob or 'not known'}"


def _check(args: argparse.Namespace) -> Iterator[str]:
    _require_torch()
    from vpr_ros.models.weights import contents
    from vpr_ros.models.weights_file import read_weights

    file = read_weights(args.file)
    networks = contents(file, args.method)
    yield f"file       {file.path} ({file.path.stat().st_size / 1e6:.1f} MB)"
    yield f"sha256     {file.sha256}"
    yield f"published  {_origin(file, published_as(file.git_blob))}"
    values = sum(tensor.numel() for tensor in file.tensors.values())
    yield f"holds      {len(file.tensors)} tensors, {values / 1e6:.1f} million values"
    for name, sha256 in networks.items():
        yield f"fits       {name}, weights {sha256[:16]}"


def _convert(args: argparse.Namespace) -> Iterator[str]:
    _require_torch()
    from vpr_ros.models.weights import convert

    names = convert(args.file, args.output, args.method, args.half)
    yield f"{args.output}: {', '.join(names)}, {args.output.stat().st_size / 1e6:.1f} MB"


def _cluster(args: argparse.Namespace) -> Iterator[str]:
    _require_torch()
    from vpr_ros.models.appsvr import Sizes
    from vpr_ros.models.weights import write_new
    from vpr_ros.training.papers.appsvr_start import clustered, pictures_in

    sizes = Sizes(args.clusters, args.shadows if args.labels else 0)
    pictures = pictures_in(args.images, args.labels)
    write_new(args.output, clustered(args.file, pictures, sizes), {"method": "appsvr"})
    yield f"{args.output}: {args.clusters} clusters, {sizes.shadows} shadows each"


def _whiten(args: argparse.Namespace) -> Iterator[str]:
    _require_torch()
    from vpr_ros.models.weights import write_new
    from vpr_ros.training.papers.appsvr_start import pictures_in, whitened

    paths = pictures_in(args.images).paths
    write_new(args.output, whitened(args.file, paths, args.size), {"method": "appsvr"})
    yield f"{args.output}: descriptors of {args.size} values, by {len(paths)} images"


def _require_torch() -> None:
    try:
        import vpr_ros.models.weights  # noqa: F401
    except ImportError as error:
        raise BackendError(
            f"reading weights needs PyTorch ({error}): pip install torch torchvision timm "
            "safetensors"
        ) from error


def _origin(file: WeightsFile, checkpoint: Checkpoint | None) -> str:
    if checkpoint:
        return f"by the authors as {checkpoint.file}"
    source = file.metadata.get("source_sha256")
    if source:
        return f"converted from a file of SHA-256 {source}"
    return "not known: its hash is none of those that 'weights list' shows"
