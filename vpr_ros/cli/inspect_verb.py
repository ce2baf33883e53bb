# SPDX-License-Identifier: Apache-2.0
"""Verb ``inspect``: what a map holds."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from vpr_ros.cli.terminal import say
from vpr_ros.place_map import MapInfo, PlaceMap, SessionInfo

SUMMARY = "show what a map holds"

_YEAR_2000_NS = 946_684_800 * 10**9


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's options."""
    parser.add_argument("map", metavar="FILE", type=Path, help="the map (*.vprmap)")
    parser.add_argument("--json", action="store_true", help="write one JSON object instead")


def run(args: argparse.Namespace) -> int:
    """Show the map.

    Raises:
        MapError: the file cannot be read, or is no map.
    """
    with PlaceMap.open(args.map) as place_map:
        info = place_map.info()
    if args.json:
        say(json.dumps(as_json(info), indent=2))
    else:
        for line in table(info):
            say(line)
    return 0


def as_json(info: MapInfo) -> dict[str, Any]:
    """The numbers as ``json.dumps`` takes them."""
    sessions = [
        {
            "name": each.name,
            "keyframes": each.keyframes,
            "first_stamp_ns": each.first_stamp_ns,
            "last_stamp_ns": each.last_stamp_ns,
        }
        for each in info.sessions
    ]
    return {
        "path": str(info.path),
        "size_bytes": info.size_bytes,
        "method": info.spec.method,
        "fingerprint": info.fingerprint,
        "codec": info.codec,
        "keyframes": info.keyframes,
        "keyframes_with_pose": info.keyframes_with_pose,
        "sessions": sessions,
    }


def table(info: MapInfo) -> Iterator[str]:
    """The numbers as lines for people."""
    yield f"map        {info.path} ({info.size_bytes / 1e6:.1f} MB)"
    yield f"model      {info.spec.method} ({info.fingerprint}), local features as {info.codec}"
    yield f"keyframes  {info.keyframes}, {info.keyframes_with_pose} with pose"
    yield ""
    width = max([len("session"), *(len(each.name) for each in info.sessions)])
    yield f"{'session':{width}}  keyframes  {'first':23}  {'last':23}  seconds"
    for each in info.sessions:
        yield _row(each, width)


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
