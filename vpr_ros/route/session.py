# SPDX-License-Identifier: Apache-2.0
"""One drive of a robot, frame by frame: the step that nodes, command line and evaluation take."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from vpr_ros.calibration import Stop, never
from vpr_ros.calibration_curve import CalibrationRecord
from vpr_ros.conditions import Conditions
from vpr_ros.config import MAP, LoopConfig
from vpr_ros.datatypes import (
    Cause,
    Features,
    Frame,
    LoopClosure,
    MeasuredTransform,
    Pose,
    Query,
    Recognition,
    Verdict,
)
from vpr_ros.errors import NothingShownError
from vpr_ros.extractors.base import FeatureExtractor
from vpr_ros.place_map import Map, PlaceMap
from vpr_ros.recognizer import PlaceRecognizer, StageClock
from vpr_ros.route.drift_bound import contradiction
from vpr_ros.route.frozen import FrozenCameras
from vpr_ros.route.loop_closer import LoopCloser, loop_closure
from vpr_ros.route.map_builder import Kept, MapBuilder, described
from vpr_ros.route.mounts import seen_from
from vpr_ros.route.pose_correction import corrections
from vpr_ros.route.pose_finder import NOT_SURE, PoseFinder

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """What one frame led to."""

    frame: Frame
    features: Features | None = None  # None where the image needed no description
    recognition: Recognition | None = None  # None in a drive that only learns
    kept: Kept | None = None  # the keyframe that the frame became
    closure: LoopClosure | None = None  # the loop that this keyframe closes
    not_closed: str = ""  # why odometry keeps it from closing one
    timings_s: dict[str, float] = field(default_factory=dict)  # stage -> seconds, in their order
    nothing_shown: str = ""  # why the image tells no place, and was neither kept nor looked for


@dataclass
class Maps:
    """What a drive goes through, and what is known of it."""

    place_map: PlaceMap  # the one that may grow
    searched: Map  # it, with those that are searched besides
    calibration: CalibrationRecord  # what rerank scores are worth
    conditions: Conditions  # how today's images differ from the map's
    close: Callable[[], None]  # closes all files


class Session:
    """One drive through one map, or several.

    Its mode is a robot's: to localize answers every frame; to map makes keyframes of frames, and
    looks which earlier ones show the same place; slam does both in one map.
    """

    def __init__(
        self,
        mode: str,
        maps: Maps,
        extractor: FeatureExtractor,
        recognizer: PlaceRecognizer,
        builder: MapBuilder | None,
        loops: LoopConfig,
        poses: PoseFinder,
        has_odometry: bool = True,
    ) -> None:
        """Begin a drive; ``Pipeline.open_session`` puts together what it takes.

        Args:
            mode: one of ``config.MODES``.
            maps: what is searched, and what grows; closed with the session.
            extractor: describes images.
            recognizer: answers them.
            builder: appends keyframes; None to localize.
            loops: which keyframes are too recent to be a loop.
            poses: measures where exactly accepted images were taken.
            has_odometry: whether the poses of frames are those of odometry, ``odom_T_base`` with
                the base's x axis pointing ahead.
        """
        self.maps = maps
        self.recognizer = recognizer  # may be exchanged between two steps
        self._answers = mode != MAP
        self._extractor, self._builder = extractor, builder
        self._loops = LoopCloser(loops)
        self._poses = poses
        self._has_odometry = has_odometry
        self._frozen = FrozenCameras()

    def step(self, frame: Frame, features: Features | None = None) -> Outcome:
        """Take one frame of the drive.

        Args:
            frame: the image with what is known of it; keyframes take over its pose.
            features: of the image, if it was described already.

        Raises:
            ImageError: the image cannot be described.
            BackendError: the device that describes or compares images failed.
            MapError: the map cannot be read or written; what was committed is safe.
        """
        try:
            if self._has_odometry:  # other poses jump while a robot stands
                self._frozen.check(frame)
            if self._builder is not None and not self._answers:
                return self._learned(self._builder, frame, features)
            return self._answered(frame, features)
        except NothingShownError as error:
            answer = _unanswered(frame, error) if self._answers else None
            return Outcome(frame, recognition=answer, nothing_shown=str(error))

    def answer_alone(self, frame: Frame) -> Recognition:
        """Where the map shows an image's place, whatever was seen before; nothing is kept of it.

        Raises:
            ImageError: the image cannot be described.
            BackendError: the device that describes or compares images failed.
            MapError: the map cannot be read.
        """
        clock = StageClock()
        try:
            features = described(self._extractor, frame)
        except NothingShownError as error:
            return _unanswered(frame, error)
        query = Query(features, frame.stamp_ns, camera=frame.camera)
        clock.lap("extract")
        recognition, _ = self._located(self.recognizer.answer_alone(query), frame)
        return replace(recognition, timings_s={**clock.laps, **recognition.timings_s})

    def conditions(self) -> dict[str, str]:
        """How today's images differ from the map's, in words; any thread may ask."""
        return self.maps.conditions.today.facts(self.maps.calibration)

    @property
    def learns(self) -> bool:
        """Whether the map grows."""
        return self._builder is not None

    def correct(self, path: Sequence[tuple[int, Pose]], max_gap: float) -> int:
        """Give this drive's keyframes the poses that a SLAM now knows of them.

        Args:
            path: (stamp in nanoseconds, pose) in the order of time.
            max_gap: seconds between two poses that may be interpolated.

        Returns:
            How many keyframes the path covers.

        Raises:
            MapError: the map cannot be written.
        """
        place_map = self.maps.place_map
        corrected = corrections(place_map.table, place_map.session, path, max_gap)
        if place_map.correct_poses(corrected):
            self.recognizer.reload()
        return len(corrected.rows)

    def reconfigure(self, loops: LoopConfig) -> None:
        """Tell loops by other rules from now on."""
        self._loops.config = loops

    def save(self) -> None:
        """Make everything so far durable.

        Raises:
            MapError: the map cannot be written; what was committed before is safe.
        """
        if self._builder is not None:
            self._builder.save()

    def finish(self, stop: Stop = never) -> None:
        """Make everything durable, and let a map that grew learn what its scores are worth.

        Args:
            stop: asked now and then whether that learning should end.

        Raises:
            MapError: the map cannot be written; what was committed before is safe.
            BackendError: the device that compares keyframes failed.
        """
        if self._builder is not None:
            self._builder.finish(stop)

    def close(self) -> None:
        """Close all maps; what was not committed is dropped."""
        self.maps.close()

    def _answered(self, frame: Frame, features: Features | None) -> Outcome:
        """Look for the frame's place, and then keep it if it is worth a keyframe."""
        clock = StageClock()
        if features is None:
            features = described(self._extractor, frame)
            clock.lap("extract")
        recognition, motion = self._answer(frame, features)
        recognition = replace(recognition, timings_s={**clock.laps, **recognition.timings_s})
        if self._builder is None:
            return Outcome(frame, features, recognition, timings_s=recognition.timings_s)
        clock = StageClock()
        kept = self._keep(self._builder, frame, features)
        clock.lap("map")
        timings_s = {**recognition.timings_s, **clock.laps}
        outcome = Outcome(frame, features, recognition, kept, timings_s=timings_s)
        return self._closed(outcome, motion)

    def _learned(self, builder: MapBuilder, frame: Frame, features: Features | None) -> Outcome:
        """Keep the frame if it is worth a keyframe, and only then look for its place."""
        clock = StageClock()
        kept = self._keep(builder, frame, features)
        clock.lap("map")
        if kept is None or not self._loops.config.close:
            return Outcome(frame, features, kept=kept, timings_s=clock.laps)
        recognition, motion = self._answer(frame, kept.keyframe.features)
        timings_s = {**clock.laps, **recognition.timings_s}
        outcome = Outcome(frame, kept.keyframe.features, recognition, kept, timings_s=timings_s)
        # Who only learns tells of no place, but of the loop that it closes.
        return replace(self._closed(outcome, motion), recognition=None)

    def _answer(
        self, frame: Frame, features: Features
    ) -> tuple[Recognition, MeasuredTransform | None]:
        # What a sequence filter may take for motion: poses of other kinds may jump.
        odometry = frame.pose if self._has_odometry else None
        query = Query(features, frame.stamp_ns, odometry, frame.camera)
        recent = self._loops.recent(frame.stamp_ns, frame.pose) if self.learns else ()
        recognition = self.recognizer.answer(query, recent)
        recognition, motion = self._located(recognition, frame)
        mount = None if frame.camera is None else frame.camera.mount
        return seen_from(recognition, mount, self.maps.searched.camera_of), motion

    def _located(
        self, recognition: Recognition, frame: Frame
    ) -> tuple[Recognition, MeasuredTransform | None]:
        """The answer with the pose that was measured, and the motion from the matched keyframe."""
        clock = StageClock()
        located = self._poses.locate(recognition, frame)
        if located.is_tried:
            clock.lap("pose")
        timings_s = {**recognition.timings_s, **clock.laps}
        pose, reason = located.pose, located.reason
        answer = replace(recognition, pose=pose, pose_reason=reason, timings_s=timings_s)
        return answer, located.motion

    def _keep(self, builder: MapBuilder, frame: Frame, features: Features | None) -> Kept | None:
        kept = builder.offer(frame, features)
        if kept is not None:
            self._loops.add(kept.key, frame.stamp_ns, frame.pose)
        return kept

    def _closed(self, outcome: Outcome, motion: MeasuredTransform | None) -> Outcome:
        """The outcome with the loop that its keyframe closes, unless odometry speaks against it."""
        frame, recognition, loops = outcome.frame, outcome.recognition, self._loops.config
        if outcome.kept is None or recognition is None or not loops.close:
            return outcome
        closure = loop_closure(outcome.kept.key, recognition, frame.camera, motion)
        if closure is not None and recognition.pose is not None:
            match, table = closure.match.keyframe, self.maps.place_map.table
            against = contradiction(
                table, closure.key, match.key, recognition.pose, loops.max_drift
            )
            if against:
                log.warning(
                    "keyframe %d closes no loop with %s: %s", closure.key.id, match.name, against
                )
                return replace(outcome, not_closed=against)
        return replace(outcome, closure=closure)


def _unanswered(frame: Frame, error: NothingShownError) -> Recognition:
    """The answer to an image that shows nothing."""
    reason, cause = str(error), Cause.NOTHING_SHOWN
    return Recognition(
        frame.stamp_ns, Verdict.UNKNOWN, reason, 0.0, (), {}, cause, pose_reason=NOT_SURE
    )
