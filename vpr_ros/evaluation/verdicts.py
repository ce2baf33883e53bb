# SPDX-License-Identifier: Apache-2.0
"""What a robot would have been told: the answers of the localizer to a recorded drive, judged.

The database's drive is made into a map as the mapper would, keyframe by keyframe with its
odometry, and every image of the query's drive is answered by the recognizer. Features come from
the cache, local ones as it rounds them.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vpr_ros.datatypes import Frame, Pose, Query, Recognition, Verdict
from vpr_ros.drives.bag_reader import BagReader
from vpr_ros.errors import DatasetError
from vpr_ros.evaluation.judge import Answer, Tally, Truth, tally
from vpr_ros.evaluation.metrics import (
    RiskCoverage,
    expected_calibration_error,
    reliability,
    risk_coverage,
)
from vpr_ros.evaluation.outcomes import of_flags
from vpr_ros.evaluation.retrieval_set import ImageSource, Indices
from vpr_ros.evaluation.runner import Described, Task
from vpr_ros.place_map import PlaceMap

POSITIVE_DISTANCE = 5.0  # meters within which a keyframe shows a place, unless told
_CALIBRATING_S = 600.0  # at most: nobody waits for the robot
BINS = 10  # of the probabilities that are held against what they promise


@dataclass(frozen=True)
class Drive:
    """A recording as a robot hears it."""

    bag: Path
    image_topic: str = ""
    odometry_topic: str | None = ""  # None: without poses


@dataclass(frozen=True)
class Limits:
    """What is right."""

    positive_distance: float = POSITIVE_DISTANCE  # meters within which a keyframe shows a place
    positive_angle: float = math.radians(45.0)  # radians that it may look another way
    right_distance: float = 10.0  # meters within which an accepted match is right


@dataclass(frozen=True)
class Verdicts:
    """The answers to Q images of a drive, judged."""

    tally: Tally
    keyframes: int
    calibration_error: float  # mean difference of probabilities and what they promise; or NaN
    risk: RiskCoverage | None  # None where no answer can be judged
    promises: Sequence[tuple[float, float, int]]  # (promised, kept, answers) of each bin
    outcomes: Sequence[str]  # [Q] of ``outcomes``
    best: Indices  # [Q] database image of the first candidate; -1 for none
    causes: Mapping[str, int]  # why answers were not accepted
    limits: Limits = Limits()


def answer_drive(
    task: Task,
    opened: Described,
    map_drive: Drive | None,
    query_drive: Drive,
    limits: Limits | None = None,
) -> Verdicts:
    """Map one drive, localize the other in it, and judge the answers.

    Args:
        task: the data set; its images must be those of the drives, its poses the truth.
        opened: features of both.
        map_drive: what the map is made of; None where the task names a map.
        query_drive: what is localized.
        limits: what is right.

    Raises:
        DatasetError: the truth is not known.
        VprError: a bag or the map cannot be read.
    """
    with _map(task, opened, map_drive) as place_map:
        recognizer = opened.pipeline.recognizer(place_map)
        answers: list[Recognition | None] = [None] * len(opened.queries)
        with task.progress(len(answers), "localizing", 0) as step:
            for number, frame in _frames(query_drive, task.data.queries):
                if opened.queries.usable[number]:
                    features = opened.queries.features(number)
                    query = Query(features, frame.stamp_ns, frame.pose, frame.camera)
                    answers[number] = recognizer.answer(query)
                step()
        stamps_ns = place_map.table.stamps_ns.tolist()
    return _judged(task, opened, answers, stamps_ns, limits or Limits())


@contextmanager
def _map(task: Task, opened: Described, drive: Drive | None) -> Iterator[PlaceMap]:
    """The map that the task names, or one that is made for the time being."""
    if drive is None:
        if task.map_path is None:
            raise DatasetError("neither a map nor a drive to make it of")
        with opened.pipeline.open_map(task.map_path) as place_map:
            yield place_map
        return
    with (
        tempfile.TemporaryDirectory() as folder,
        opened.pipeline.continue_map(Path(folder) / "drive.vprmap") as place_map,
    ):
        builder = opened.pipeline.map_builder(place_map)
        with task.progress(len(opened.database), "mapping", 0) as step:
            for number, frame in _frames(drive, task.data.database):
                if opened.database.usable[number]:
                    builder.offer(frame, opened.database.features(number))
                step()
        builder.finish(_CALIBRATING_S)
        yield place_map


def _frames(drive: Drive, source: ImageSource) -> Iterator[tuple[int, Frame]]:
    """(Number in the data set, frame) of a drive, for frames that are part of the data set."""
    numbers = {stamp: number for number, stamp in enumerate(stamps_of(source))}
    with BagReader(drive.bag) as bag:
        for frame in bag.frames(drive.image_topic, drive.odometry_topic):
            number = numbers.pop(frame.stamp_ns, None)
            if number is not None:
                yield number, frame


def stamps_of(source: ImageSource) -> Sequence[int]:
    """The stamps of a drive's images, nanoseconds.

    Raises:
        DatasetError: they are not known.
    """
    stamps: Sequence[int] | None = getattr(source, "stamps_ns", None)
    if stamps is None:
        raise DatasetError("verdicts are for drives: these images have no stamps")
    return stamps


def _judged(
    task: Task,
    opened: Described,
    answers: Sequence[Recognition | None],
    keyframe_stamps: Sequence[int],
    limits: Limits,
) -> Verdicts:
    data = task.data
    database_stamps, query_stamps = stamps_of(data.database), stamps_of(data.queries)
    truth = Truth(
        _track(database_stamps, data.database_poses),
        _track(query_stamps, data.query_poses),
        limits.positive_distance,
        limits.positive_angle,
        limits.right_distance,
    )
    numbers = {stamp: number for number, stamp in enumerate(database_stamps)}
    judged = [_Judged.of(each, truth, keyframe_stamps) for each in answers]
    known = [each for each in judged if each.right is not None]
    promised, kept = [each.probability for each in known], [each.right is True for each in known]
    seconds = opened.queries.seconds.tolist()
    timed = [
        _timed(answer, extract) for answer, extract in zip(answers, seconds, strict=True) if answer
    ]
    return Verdicts(
        tally=tally(timed, truth, keyframe_stamps),
        keyframes=len(keyframe_stamps),
        calibration_error=expected_calibration_error(promised, kept) if known else math.nan,
        risk=risk_coverage(promised, kept) if known else None,
        promises=reliability(promised, kept, BINS),
        outcomes=of_flags(
            np.array([each.accepted for each in judged]),
            np.array([each.right is True for each in judged]),
            np.array([each.findable for each in judged]),
            np.array([each.is_judged for each in judged]),
        ),
        best=np.array([numbers.get(each.match_ns, -1) for each in judged], np.int64),
        causes=_causes(answers),
        limits=limits,
    )


@dataclass(frozen=True)
class _Judged:
    """What is known of one answer."""

    accepted: bool = False
    right: bool | None = None  # whether its first candidate is
    findable: bool = False
    is_judged: bool = False
    probability: float = 0.0
    match_ns: int = -1

    @classmethod
    def of(
        cls, answer: Recognition | None, truth: Truth, keyframe_stamps: Sequence[int]
    ) -> _Judged:
        if answer is None or not answer.candidates:
            return cls()
        match_ns = answer.candidates[0].keyframe.stamp_ns
        findable = truth.has_positive(answer.stamp_ns, keyframe_stamps)
        right = truth.is_right(answer.stamp_ns, match_ns)
        accepted = answer.verdict is Verdict.ACCEPTED
        judged = findable is not None and not (accepted and right is None)
        probability = answer.probability
        return cls(accepted, right, findable is True, judged, probability, match_ns)


def _track(stamps: Sequence[int], poses: Sequence[Pose | None]) -> list[tuple[int, Pose]]:
    pairs = zip(stamps, poses, strict=True)
    return [(stamp_ns, pose) for stamp_ns, pose in pairs if pose is not None]


def _timed(answer: Recognition, extract: float) -> Answer:
    """An answer with the time that describing its image took when that was done."""
    first = answer.candidates[0].keyframe.stamp_ns if answer.candidates else None
    timings_s = {"extract": extract, **answer.timings_s}
    return Answer(answer.stamp_ns, answer.verdict, first, timings_s)


def _causes(answers: Sequence[Recognition | None]) -> dict[str, int]:
    """How often each cause kept an answer from being accepted, the most frequent first."""
    causes = [each.cause.value for each in answers if each and each.verdict is not Verdict.ACCEPTED]
    return {cause: causes.count(cause) for cause in sorted(set(causes), key=causes.count)[::-1]}
