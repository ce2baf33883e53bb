# SPDX-License-Identifier: Apache-2.0
"""Two recorded drives as a robot hears them: one is mapped, the other localized in it.

The database's drive is made into a map as the mapper would, keyframe by keyframe with its
odometry, and every image of the query's drive is answered by the recognizer. Features come from
the cache, local ones as it rounds them.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from vpr_ros.datatypes import Pose, Query, Recognition
from vpr_ros.drives.bag_reader import BagReader
from vpr_ros.errors import DatasetError
from vpr_ros.evaluation.judge import Limits, Truth
from vpr_ros.evaluation.retrieval_set import ImageSource
from vpr_ros.evaluation.runner import Described, Task
from vpr_ros.evaluation.verdicts import Verdicts
from vpr_ros.place_map import PlaceMap

_CALIBRATING_S = 600.0  # at most: nobody waits for the robot


@dataclass(frozen=True)
class Drive:
    """A recording as a robot hears it."""

    bag: Path
    image_topic: str = ""
    odometry_topic: str | None = ""  # None: without poses


def judge_drive(
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
    data = task.data
    database_stamps, query_stamps = stamps_of(data.database), stamps_of(data.queries)
    tracks = _track(database_stamps, data.database_poses), _track(query_stamps, data.query_poses)
    with _map(task, opened, map_drive) as place_map:
        answers = answer_drive(task, opened, place_map, query_drive)
        keyframe_stamps = place_map.table.stamps_ns.tolist()
    return Verdicts.of(answers, Truth(*tracks, limits), keyframe_stamps, database_stamps)


def answer_drive(
    task: Task, opened: Described, place_map: PlaceMap, drive: Drive
) -> list[Recognition | None]:
    """The recognizer's answers to Q images of a drive, [Q]; None for what cannot be described."""
    recognizer = opened.pipeline.recognizer(place_map)
    answers: list[Recognition | None] = [None] * len(opened.queries)
    numbers, seconds = _numbers(task.data.queries), opened.queries.seconds
    with BagReader(drive.bag) as bag, task.progress(len(answers), "localizing", 0) as step:
        for stamp_ns, pose in bag.stamps_and_poses(drive.image_topic, drive.odometry_topic):
            number = numbers.pop(stamp_ns, None)
            if number is None:
                continue
            if opened.queries.usable[number]:
                query = Query(opened.queries.features(number), stamp_ns, pose)
                answer = recognizer.answer(query)
                timings_s = {"extract": float(seconds[number]), **answer.timings_s}
                answers[number] = replace(answer, timings_s=timings_s)
            step()
    return answers


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
        _learn(task, opened, drive, place_map)
        yield place_map


def _learn(task: Task, opened: Described, drive: Drive, place_map: PlaceMap) -> None:
    """Make a drive into a map."""
    builder = opened.pipeline.map_builder(place_map)
    numbers = _numbers(task.data.database)
    with BagReader(drive.bag) as bag, task.progress(len(opened.database), "mapping", 0) as step:
        for frame in bag.frames(drive.image_topic, drive.odometry_topic):
            number = numbers.pop(frame.stamp_ns, None)
            if number is None:
                continue
            if opened.database.usable[number]:
                builder.offer(frame, opened.database.features(number))
            step()
    builder.finish(_CALIBRATING_S)


def _numbers(source: ImageSource) -> dict[int, int]:
    """Stamp -> number in the data set: frames that are no part of it are passed over."""
    return {stamp: number for number, stamp in enumerate(stamps_of(source))}


def stamps_of(source: ImageSource) -> Sequence[int]:
    """The stamps of a drive's images, nanoseconds.

    Raises:
        DatasetError: they are not known.
    """
    stamps: Sequence[int] | None = getattr(source, "stamps_ns", None)
    if stamps is None:
        raise DatasetError("verdicts are for drives: these images have no stamps")
    return stamps


def _track(stamps: Sequence[int], poses: Sequence[Pose | None]) -> list[tuple[int, Pose]]:
    pairs = zip(stamps, poses, strict=True)
    return [(stamp_ns, pose) for stamp_ns, pose in pairs if pose is not None]
