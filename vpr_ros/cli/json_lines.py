# SPDX-License-Identifier: Apache-2.0
"""Answers as JSON, one object per frame and line."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from vpr_ros.datatypes import Frame, Recognition
from vpr_ros.records.as_json import PathOf, as_json


@contextmanager
def json_lines(target: str, path_of: PathOf) -> Iterator[Callable[[Frame, Recognition], None]]:
    """Open a file, or ``-`` for the standard output, to write answers to.

    Every line goes to the system in one piece, so that a program that is killed leaves whole
    lines, and one that reads along sees every answer at once.

    Args:
        target: the file.
        path_of: tells where keyframes are kept.

    Raises:
        OSError: the file cannot be written.
    """
    to_file = target != "-"
    with Path(target).open("w", encoding="utf-8") if to_file else nullcontext(sys.stdout) as file:

        def write(frame: Frame, recognition: Recognition) -> None:
            answer = as_json(frame.name, recognition, path_of)
            file.write(json.dumps(answer, allow_nan=False) + "\n")
            file.flush()

        yield write
