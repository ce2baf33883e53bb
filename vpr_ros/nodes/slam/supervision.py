# SPDX-License-Identifier: Apache-2.0
"""Whether a stack's own pose agrees with the places that the camera recognizes.

A stack that was started at a wrong pose, or whose robot was carried away, may be sure of itself: no
covariance tells. The places do, once several of them in a row contradict it and bear each other
out. Nothing here knows ROS.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from vpr_ros.datatypes import RESTART_NS, Pose
from vpr_ros.geometry.poses import PoseError

_SIGMAS = 3.0  # standard deviations that an estimate is trusted to lie within
# A place's standard deviation is half of its radius: no match is farther from it than twice that.
_PLACE_SIGMAS = 2.0
# Stacks publish when the robot moved, or turned, by so much that they look at a scan: within this
# time, what they said last is taken to be true without asking how far the robot got.
_FRESH_NS = 1_000_000_000
_SETTLING_NS = 2_000_000_000  # that a stack may take to answer a pose it was sent
_MOST_POSES = 1000


class Agreement(Enum):
    """What a run of accepted matches says of the stack's pose."""

    AGREES = "agrees"
    DISAGREES = "disagrees"  # and a pose of the matches has not proved to help yet
    LOST = "lost"  # and has not helped


@dataclass(frozen=True)
class UncertainPose:
    """Where somebody puts the robot at a stamp."""

    stamp_ns: int
    pose: Pose
    position_sigma: float  # meters, the larger one of x and y
    heading_sigma: float  # radians

    @classmethod
    def of(cls, stamp_ns: int, pose: Pose, variances: Sequence[float]) -> UncertainPose:
        """With variances of x, y, z (m^2) and of the rotations about X, Y, Z (rad^2).

        Raises:
            PoseError: one of them cannot be.
        """
        if not all(math.isfinite(variance) and variance >= 0.0 for variance in variances):
            raise PoseError(f"variances of a pose in {pose.frame_id!r}: {list(variances)}")
        return cls(stamp_ns, pose, math.sqrt(max(variances[:2])), math.sqrt(variances[5]))


@dataclass(frozen=True)
class _Pair:
    """A match, and what the stack said at the same time."""

    match: UncertainPose
    stack: UncertainPose
    place: float  # meters that a match may be from the robot

    @property
    def meters(self) -> float:
        return _level_distance(self.match.pose, self.stack.pose)

    @property
    def radians(self) -> float:
        turn = _heading(self.match.pose) - _heading(self.stack.pose)
        return abs(math.remainder(turn, math.tau))

    @property
    def agrees(self) -> bool:
        """Whether the stack's pose is in the matched place and looks its way, for all it knows."""
        reach = self.place + _SIGMAS * self.stack.position_sigma
        turn = _SIGMAS * math.hypot(self.match.heading_sigma, self.stack.heading_sigma)
        return self.meters <= reach and self.radians <= turn

    @property
    def settled(self) -> bool:
        """Whether the stack is surer of its pose than whoever was sent that of a place."""
        return self.stack.position_sigma <= self.place / 4.0

    def bears_out(self, other: _Pair) -> bool:
        """Whether the matches are as far from each other as the robot drove in between.

        A stack that is at a wrong place still knows by odometry how far it came.
        """
        driven = _level_distance(self.stack.pose, other.stack.pose)
        return _level_distance(self.match.pose, other.match.pose) <= driven + 2.0 * self.place


class Supervision:
    """Compares a stack's poses with accepted matches: so many in a row change the state.

    A match disagrees that is farther from the stack's pose than the place is large (its radius, or
    twice the match's standard deviation if that is more) and three of the stack's standard
    deviations; or that points elsewhere by more than three of both. Disagreeing matches that do not
    bear each other out are no run: they are wrong themselves. A stack that was off agrees again
    once it is sure of its pose: one that leaves the pose it was sent has reasons of its own.

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
        self._run: deque[_Pair] = deque(maxlen=matches)
        self._poses: deque[UncertainPose] = deque(maxlen=_MOST_POSES)
        self._anchor: _Pair | None = None  # the first match that the stack's pose was compared with
        self._last: _Pair | None = None
        self._why_not = "no match yet"  # why the last match was not compared, empty if it was
        self._sent_ns: int | None = None  # stamp of a pose the stack has not answered yet
        self._newest_ns = 0  # of the matches
        self.state = Agreement.AGREES

    def restart(self) -> None:
        """Begin anew, with what the stack said last."""
        with self._lock:
            self.state, self._last, self._why_not = Agreement.AGREES, None, "no match yet"
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
        self._anchor, self._sent_ns, self._newest_ns = None, None, 0

    def _paired(self, match: UncertainPose) -> _Pair | None:
        """The match with the stack's pose at its stamp, None where that is not known."""
        # Matches come in order, so what the stack said before this one's pose is needed no more.
        while len(self._poses) > 1 and self._poses[1].stamp_ns <= match.stamp_ns:
            self._poses.popleft()
        if not self._poses:
            self._why_not = "it has told no pose"
            return None
        place = max(self._place_radius, _PLACE_SIGMAS * match.position_sigma)
        pair = _Pair(match, self._poses[0], place)
        self._why_not = self._hindrance(pair)
        return None if self._why_not else pair

    def _hindrance(self, pair: _Pair) -> str:
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
        moved = _level_distance(match.pose, self._anchor.match.pose)
        if age_ns > _FRESH_NS and moved > pair.place / 2.0:
            return f"its pose is {age_ns * 1e-9:.0f} s old, and the robot has moved"
        return ""

    def _count(self, pair: _Pair) -> None:
        goes_on = all(
            pair.agrees == other.agrees and (pair.agrees or pair.bears_out(other))
            for other in self._run
        )
        if not goes_on:
            self._run.clear()
        # That it is near the pose it was sent says nothing, until it has looked around itself.
        if pair.agrees and self.state is not Agreement.AGREES and not pair.settled:
            return
        self._run.append(pair)
        if len(self._run) < (self._run.maxlen or 0):
            return
        if pair.agrees:
            self.state = Agreement.AGREES
        elif self.state is Agreement.AGREES:
            self.state = Agreement.DISAGREES
            self._run.clear()  # as many again until it is lost
        else:
            self.state = Agreement.LOST


def _level_distance(one: Pose, other: Pose) -> float:
    """Meters on the ground, the only ones that these stacks know of."""
    return math.dist(one.position[:2], other.position[:2])


def _heading(pose: Pose) -> float:
    """Radians about Z from the frame's X axis to the robot's."""
    x, y, z, w = pose.orientation
    return math.atan2(2.0 * (w * z + x * y), 1.0 - 2.0 * (y * y + z * z))
