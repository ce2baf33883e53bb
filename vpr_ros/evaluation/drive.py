# SPDX-License-Identifier: Apache-2.0
"""Two recorded drives as a robot hears them: one is mapped, the other localized in it.

Both are driven through by the steps that a robot takes, frame by frame with their odometry.
Features come from the cache, local ones as it rounds them: no image is decoded again.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from vpr_ros.config import MAP
from vpr_ros.datatypes import Pose, Recognition
from vpr_ros.drives.bag_reader import BagReader
from vpr_ros.errors import DatasetError
from vpr_ros.evaluation.features.feature_list import FeatureList
from vpr_ros.evaluation.judge import Limits, Truth, Verdicts
from vpr_ros.evaluation.retrieval_set import ImageSource
from vpr_ros.evaluation.runner import Described, Task
from vpr_ros.route.session import Outcome, Session


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

    The images of the task's set must be those of the drives, its poses the truth. Nothing is mapped
    where the task names a map.

    Raises:
        DatasetError: the truth is not known.
        VprError: a bag or the map cannot be read.
    """
    data = task.data
    database_stamps, query_stamps = stamps_of(data.database), stamps_of(data.queries)
    tracks = _track(database_stamps, data.database_poses), _track(query_stamps, data.query_poses)
    with (
        _map_file(task, opened, map_drive) as path,
        closing(opened.pipeline.open_session(path)) as session,
    ):
        answers = answer_drive(task, opened, session, query_drive)
        table = session.maps.searched.table
    truth, keyframe_stamps = Truth(*tracks, limits), table.stamps_ns.tolist()
    return Verdicts.of(answers, truth, keyframe_stamps, database_stamps, table.pose_of)


def answer_drive(
    task: Task, opened: Described, session: Session, drive: Drive
) -> list[Recognition | None]:
    """The answers to Q images of a drive, [Q]; None for what cannot be described."""
    answers: list[Recognition | None] = [None] * len(opened.queries)
    images = task.data.queries, opened.queries
    for number, outcome in _driven(task, "localizing", drive, *images, session):
        assert outcome.recognition is not None  # sessions that localize answer every frame
        # Describing its image took its time when that was done.
        timings_s = {"extract": float(opened.queries.seconds[number]), **outcome.timings_s}
        answers[number] = replace(outcome.recognition, timings_s=timings_s)
    return answers


@contextmanager
def _map_file(task: Task, opened: Described, drive: Drive | None) -> Iterator[Path]:
    """The map that the task names, or one that is made for the time being."""
    if drive is None:
        if task.map_path is None:
            raise DatasetError("neither a map nor a drive to make it of")
        yield task.map_path
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "drive.vprmap"
        with closing(opened.pipeline.open_session(path, MAP)) as session:
            images = task.data.database, opened.database
            for _ in _driven(task, "mapping", drive, *images, session):
                pass  # the map is what is wanted
            session.finish()
        yield path


def _driven(
    task: Task,
    label: str,
    drive: Drive,
    source: ImageSource,
    features: FeatureList,
    session: Session,
) -> Iterator[tuple[int, Outcome]]:
    """(Number in the data set, outcome) of the frames of a drive that are part of the set."""
    numbers = {stamp: number for number, stamp in enumerate(stamps_of(source))}
    with task.progress(len(features), label, 0) as step, BagReader(drive.bag) as bag:
        for recorded in bag.undecoded(drive.image_topic, drive.odometry_topic):
            number = numbers.pop(recorded.stamp_ns, None)
            if number is None:
                continue
            if features.usable[number]:
                # Only what becomes a keyframe, or needs a pose, is looked at once more.
                frame = replace(recorded, read=partial(source.read, number))
                yield number, session.step(frame, features.features(number))
            step()


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
