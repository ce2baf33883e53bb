# SPDX-License-Identifier: Apache-2.0
"""Whether a stack's own pose agrees with the places that the camera recognizes.

A stack that was started at a wrong pose, or whose robot was carried away, may be sure of itself: no
covariance tells. The places do, once several of them in a row contradict it and bear each other
out. Nothing here knows ROS.
"""

from __future__ import annotations

import threading
from collections import deque
from enum import Enum

from vpr_ros.datatypes import RESTART_NS
from vpr_ros.nodes.slam.pose_pair import PosePair, UncertainPose, level_distance

# A place's standard deviation is half of its radius: no match is farther from it than twice that.
_PLACE_SIGMAS = 2.0
# Stacks publish when the robot moved, or turned, by so much that they look at a scan: within this
# time, what they said last is taken to be true without asking how far the robot got.
_FRESH_NS = 1_000_000_000
_SETTLING_NS = 2_000_000_000  # that a stack may take to answer a pose it was sent
_MOST_POSES = 1000
# How many times as many matches it takes at most until a stack agrees again that disagreed often.
_MOST_PATIENCE = 16


class Agreement(Enum):
    """What a run of accepted matches says of the stack's pose."""

    AGREES = "agrees"
    DISAGREES = "disagrees"  # and a pose of the matches has not proved to help yet
    LOST = "lost"  # and has not helped


class Supervision:
    """Compares a stack's poses with accepted matches: so many in a row change the state.

    A match disagrees that is farther from the stack's pose than the place is large (its radius, or
    twice the match's standard deviation if that is more) and three of the stack's standard
    deviations; or that points elsewhere by more than three of both. Disagreeing matches that do not
    bear each other out are no run: they are wrong themselves. A stack that was off agrees again
    once it is sure of its pose: one that leaves the pose it was sent has reasons of its own. Each
    time it takes twice as many matches: where both maps are apart by about a place, some agree by
    chance, and the stack must not be thrown to and fro.

    Safe to be told of the stack by one thread and of matches by another.
    """

    def __init__(self, matches: int, place_radius: float) -> None:
        """Begin in agreement.

        Args:
            matches: how many in a row change the state.
            place_radius: meters from a matched place within which the robot is.
        """
        self._lock = threading.Lock()
        self._place_radius = place_radius
        self._matches = matches
        self._run: deque[PosePair] = deque(maxlen=matches)  # that disagree
        self._agreed = 0  # matches in a row that agree, since the last that did not
        self._doubts = 0  # how often it disagreed
        self._poses: deque[UncertainPose] = deque(maxlen=_MOST_POSES)
        self._anchor: PosePair | None = None  # the first match for the stack's pose
        self._last: PosePair | None = None
        self._why_not = "no match yet"  # why the last match was not compared, empty if it was
        self._sent_ns: int | None = None  # stamp of a pose the stack has not answered yet
        self._newest_ns = 0  # of the matches
        self.state = Agreement.AGREES

    def restart(self) -> None:
        """Begin anew, with what the stack said last."""
        with self._lock:
            self.state, self._last, self._why_not = Agreement.AGREES, None, "no match yet"
            self._doubts = 0
            self._forget_matches()

    def hear(self, pose: UncertainPose) -> None:
        """The stack says where it is."""
        with self._lock:
            behind = self._poses[-1].stamp_ns - pose.stamp_ns if self._poses else 0
            if self._sent_ns is not None or behind > RESTART_NS:
                self._poses.clear()  # answered, or a recording began anew
            elif behind > 0:
                return
            self._sent_ns = None
            self._poses.append(pose)

    def sent(self, stamp_ns: int) -> None:
        """The stack is sent the pose of a match: what it said before counts no more."""
        with self._lock:
            self._forget_matches()
            self._sent_ns = stamp_ns
            if self.state is Agreement.LOST:
                self.state = Agreement.DISAGREES

    def compare(self, match: UncertainPose) -> bool:
        """Take an accepted match; tells whether it changed the state."""
        with self._lock:
            before = self.state
            if match.stamp_ns < self._newest_ns - RESTART_NS:
                self._forget_matches()
            self._newest_ns = match.stamp_ns
            pair = self._paired(match)
            if pair is not None:
                self._last = pair
                self._count(pair)
            return self.state is not before

    @property
    def words(self) -> str:
        """What diagnostics should show."""
        last = self._last
        if last is None:
            return f"not compared: {self._why_not}"
        not_now = f"; not compared now: {self._why_not}" if self._why_not else ""
        if self.state is Agreement.AGREES:
            return f"agrees{not_now}"
        if last.agrees:
            return f"near the matches, but has not settled there{not_now}"
        by = f"{last.meters:.0f} m and {last.radians:.2f} rad"
        how = "disagrees by" if self.state is Agreement.DISAGREES else "lost, still off by"
        return f"{how} {by}{not_now}"

    def _forget_matches(self) -> None:
        self._run.clear()
        self._agreed = 0
        self._anchor, self._sent_ns, self._newest_ns = None, None, 0

    def _paired(self, match: UncertainPose) -> PosePair | None:
        """The match with the stack's pose at its stamp, None where that is not known."""
        # Matches come in order, so what the stack said before this one's pose is needed no more.
        while len(self._poses) > 1 and self._poses[1].stamp_ns <= match.stamp_ns:
            self._poses.popleft()
        if not self._poses:
            self._why_not = "it has told no pose"
            return None
        place = max(self._place_radius, _PLACE_SIGMAS * match.position_sigma)
        pair = PosePair(match, self._poses[0], place)
        self._why_not = self._hindrance(pair)
        return None if self._why_not else pair

    def _hindrance(self, pair: PosePair) -> str:
        """Why a match cannot be compared, empty if it can."""
        match, stack = pair.match, pair.stack
        frame, other = match.pose.frame_id, stack.pose.frame_id
        if frame != other:
            return f"its pose is in {other!r}, the match in {frame!r}"
        if self._sent_ns is not None and match.stamp_ns < self._sent_ns + _SETTLING_NS:
            return "it has not answered the pose it was sent"
        age_ns = match.stamp_ns - stack.stamp_ns
        if age_ns < -_FRESH_NS:
            return "it has told no pose from so long ago"
        if self._anchor is None or self._anchor.stack is not stack:
            self._anchor = pair
        # Silence means that the robot stands, unless the matches say that it does not.
        moved = level_distance(match.pose, self._anchor.match.pose)
        if age_ns > _FRESH_NS and moved > pair.place / 2.0:
            return f"its pose is {age_ns * 1e-9:.0f} s old, and the matches have moved"
        return ""

    def _count(self, pair: PosePair) -> None:
        if pair.agrees:
            self._run.clear()
            self._recover(pair)
            return
        self._agreed = 0
        if not all(pair.bears_out(other) for other in self._run):
            self._run.clear()
        self._run.append(pair)
        if len(self._run) < self._matches:
            return
        if self.state is Agreement.AGREES:
            self.state = Agreement.DISAGREES
            self._doubts += 1
            self._run.clear()  # as many again until it is lost
        else:
            self.state = Agreement.LOST

    def _recover(self, pair: PosePair) -> None:
        # That it is near the pose it was sent says nothing, until it has looked around itself.
        if self.state is Agreement.AGREES or not pair.settled:
            return
        self._agreed += 1
        if self._agreed >= self._matches * min(2 ** (self._doubts - 1), _MOST_PATIENCE):
            self.state, self._agreed = Agreement.AGREES, 0
