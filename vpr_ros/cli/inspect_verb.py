# SPDX-License-Identifier: Apache-2.0
"""Verb ``inspect``: what a map or a model holds, and what would run the model here."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from vpr_ros.backends import SUFFIXES, BackendOptions, open_backend
from vpr_ros.calibration_curve import CalibrationRecord
from vpr_ros.cli.options import add_option
from vpr_ros.cli.terminal import complain, say
from vpr_ros.config import RUNTIMES, DecisionConfig
from vpr_ros.datatypes import ModelSpec
from vpr_ros.errors import MapError
from vpr_ros.place_map import MapInfo, PlaceMap, SessionInfo, looks_of

SUMMARY = "show what a map holds, or a model and what runs it here"

_YEAR_2000_NS = 946_684_800 * 10**9
NOTHING: Mapping[str, float] = MappingProxyType({})
_PRECISIONS = (0.9, 0.99, 0.999)
_QUANTILES = (0.1, 0.5, 0.9, 0.99)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's options."""
    text = "a map (*.vprmap), or a network (*.onnx, *.engine, *.pth, *.pt, *.safetensors)"
    parser.add_argument("file", metavar="FILE", type=Path, help=text)
    add_option(parser, "--method", "NAME", "of a file of weights", "")
    parser.add_argument("--runtime", default="auto", choices=RUNTIMES, help="of a network")
    add_option(parser, "--device", "DEVICE", "of a network", "auto")
    parser.add_argument("--json", action="store_true", help="write one JSON object instead")
    text = "read all of a map, and say what of it is damaged"
    parser.add_argument("--check", action="store_true", help=text)


def run(args: argparse.Namespace) -> int:
    """Show the map or the network."""
    if args.check:
        _check(args.file)
    known, lines = _network(args) if args.file.suffix in SUFFIXES else _map(args.file)
    if args.json:
        say(json.dumps(known, indent=2))
    else:
        for line in lines:
            say(line)
    return 0


def _map(path: Path) -> tuple[dict[str, Any], Iterator[str]]:
    with PlaceMap.open(path) as place_map:
        info = place_map.info()
    apart = _apart(path, info)
    return as_json(info, apart), table(info, apart)


def _apart(path: Path, info: MapInfo) -> dict[str, float]:
    """How far each drive's images look away from those of the nearest other one, in spreads."""
    if len(info.sessions) < 2:  # nothing to compare, and descriptors need not be read
        return {}
    with PlaceMap.open(path, info.spec) as place_map:
        looks = looks_of(place_map)
    return {} if looks is None else looks.between()


def _check(path: Path) -> None:
    """Read everything that a map holds; MapError if some of it is damaged."""
    with PlaceMap.open(path) as place_map:
        damages = place_map.damages()
    for line in damages[:-1]:
        complain(line)
    if damages:
        raise MapError(damages[-1])


def _network(args: argparse.Namespace) -> tuple[dict[str, Any], Iterator[str]]:
    """Of a network that was really loaded."""
    options = BackendOptions(args.runtime, args.device)
    backend = open_backend(args.file, args.method, options)
    spec = backend.spec
    known = {**asdict(spec), "space": spec.space}
    known |= {"device": backend.device, "backend": backend.description}
    return known, _network_table(args.file, spec, backend.description)


def _network_table(path: Path, spec: ModelSpec, description: str) -> Iterator[str]:
    settings = ", ".join(f"{name} {value:g}" for name, value in spec.settings.items())
    yield f"network      {spec.method} ({spec.space}), {spec.precision}"
    yield f"file         {path} ({path.stat().st_size / 1e6:.1f} MB)"
    yield f"weights      {spec.weights_sha256[:16]}"
    yield f"input        {spec.input_height} x {spec.input_width} pixels (height x width)"
    yield f"descriptors  {spec.global_dim} values of an image, {spec.local_dim} of a local feature"
    yield f"settings     {settings or 'none'}"
    yield f"runs on      {description}"


def as_json(info: MapInfo, apart: Mapping[str, float] = NOTHING) -> dict[str, Any]:
    """The numbers as ``json.dumps`` takes them; ``apart`` of the sessions that tell."""
    return {
        "path": str(info.path),
        "size_bytes": info.size_bytes,
        "method": info.spec.method,
        "uuid": info.uuid,
        "space": info.space,
        "made_by": info.made_by,
        "precision": info.spec.precision,
        "codec": info.codec,
        "keyframes": info.keyframes,
        "keyframes_with_pose": info.keyframes_with_pose,
        "calibration": _calibration_as_json(info.calibration) if info.calibration else None,
        "sessions": [_session_as_json(session, apart) for session in info.sessions],
    }


def _session_as_json(session: SessionInfo, apart: Mapping[str, float]) -> dict[str, Any]:
    known = asdict(session)
    if session.name in apart:
        known["spreads_from_nearest"] = apart[session.name]
    return known


def _calibration_as_json(record: CalibrationRecord) -> dict[str, Any]:
    curve = record.calibration
    return {
        "made_ns": record.made_ns,
        "keyframes": record.keyframes,
        "of_map": curve.of_map,
        "by_second_drive": record.is_by_second_drive,
        "needed_scores": {f"{each:g}": curve.needed_score(each) for each in _PRECISIONS},
        "look_alikes": record.look_alikes,
        **{
            kind: {"count": len(scores), "quantiles": _quantiles(scores)}
            for kind, scores in _surveyed(record).items()
        },
    }


def _surveyed(record: CalibrationRecord) -> dict[str, tuple[float, ...]]:
    return {
        "right": record.right,
        "wrong_beyond": record.beyond,
        "wrong_elsewhere": record.elsewhere,
        **({"right_in_another_drive": record.again} if record.again else {}),
    }


def _quantiles(scores: tuple[float, ...]) -> dict[str, float]:
    return {f"{q:g}": float(np.quantile(scores, q)) for q in _QUANTILES if scores}


def table(info: MapInfo, apart: Mapping[str, float] = NOTHING) -> Iterator[str]:
    """The numbers as lines for people."""
    yield f"map        {info.path} ({info.size_bytes / 1e6:.1f} MB)"
    yield f"model      {info.spec.method} ({info.space}), made by {info.made_by}"
    yield f"codec      {info.codec} of local features"
    yield f"keyframes  {info.keyframes}, {info.keyframes_with_pose} with pose"
    yield from _calibration_table(info.calibration)
    yield ""
    width = max([len("session"), *(len(each.name) for each in info.sessions)])
    column = "  spreads from the nearest other" if apart else ""
    yield f"{'session':{width}}  keyframes  {'first':23}  {'last':23}  seconds{column}"
    for each in info.sessions:
        far = f"  {apart[each.name]:.2f}" if each.name in apart else ""
        yield _row(each, width) + far


def _calibration_table(record: CalibrationRecord | None) -> Iterator[str]:
    """What scores are worth in the map, and the scores that tell it."""
    if record is None:
        yield "calibrated no: a localizer will do it each time it opens the map"
        return
    curve = record.calibration
    needed = ", ".join(f"{each:g}: {curve.needed_score(each):.2f}" for each in _PRECISIONS)
    basis = "by itself" if curve.of_map else "no, by default: too few keyframes to tell"
    if record.is_by_second_drive:
        basis = "by a second drive"
    yield f"calibrated {basis}, at {record.keyframes} keyframes, {_when(record.made_ns)}"
    yield f"           rerank scores needed for precision {needed}"
    if words := record.out_of_reach(DecisionConfig().target_precision):
        yield f"           {words}"
    for kind, scores in _surveyed(record).items():
        parts = [f"{100 * float(q):g} %: {value:.2f}" for q, value in _quantiles(scores).items()]
        counted = f"{len(scores)} {kind.replace('_', ' ')}"
        yield f"           {', '.join([counted, *parts])}"
    if record.look_alikes:
        yield f"           {record.look_alikes} keyframes left out: they look like another place"


def _row(session: SessionInfo, width: int) -> str:
    first, last = _when(session.first_stamp_ns), _when(session.last_stamp_ns)
    seconds = 1e-9 * (session.last_stamp_ns - session.first_stamp_ns)
    return f"{session.name:{width}}  {session.keyframes:9}  {first:23}  {last:23}  {seconds:7.1f}"


def _when(stamp_ns: int) -> str:
    """Date and time (UTC) of a real clock, seconds of a simulated one."""
    if stamp_ns < _YEAR_2000_NS:
        return f"{1e-9 * stamp_ns:.3f} s"
    moment = datetime.fromtimestamp(stamp_ns // 10**9, tz=timezone.utc)
    return f"{moment:%Y-%m-%d %H:%M:%S}.{stamp_ns % 10**9 // 10**6:03}"
