# SPDX-License-Identifier: Apache-2.0
"""Frames that should have a pose and have none: how many of late, and why."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque

from vpr_ros.geometry.no_pose import LATE, NONE, NoPose, in_words

_WINDOW = 20  # frames that are looked at
_ENOUGH = 3  # frames without pose that are no accident; the first of a drive often has none
_STALE_S = 10.0  # after which the last frames say nothing of what is wrong now


class MissedPoses:
    """Frames are noted on the worker's thread, and asked for on the executor's."""

    def __init__(self) -> None:
        self.count = 0  # frames without pose
        self._frames: deque[NoPose | None] = deque(maxlen=_WINDOW)
        self._noted = -_STALE_S
        self._lock = threading.Lock()

    def note(self, why: NoPose | None) -> None:
        """Take note of a frame: why it has no pose, None if it has one."""
        with self._lock:
            self.count += why is not None
            self._frames.append(why)
            self._noted = time.monotonic()

    def said(self, refused: int, last_error: str) -> tuple[str, str]:
        """The cause that most of the last frames without pose share, and the words for all.

        Both are empty where nothing is wrong.

        Args:
            refused: poses that cannot be, so far.
            last_error: why the last one of those was refused.
        """
        with self._lock:
            frames, noted = list(self._frames), self._noted
        missing = [why for why in frames if why is not None]
        if len(missing) < _ENOUGH or time.monotonic() - noted > _STALE_S:
            return "", ""
        words = in_words(missing, len(missing) == len(frames))
        causes = Counter(" ".join([why.cause, *why.frames]).strip() for why in missing)
        if missing[-1].cause == NONE:
            words += f"; {refused} were refused: {last_error}" if refused else ""
            words += "; pose_type: none does without"
        if missing[-1].cause == LATE:
            words += "; pose_timeout, in mode map pose_wait, says how late a pose may be"
        text = f"{len(missing)} of the last {len(frames)} frames have no pose: {words}"
        return causes.most_common(1)[0][0], text
