# SPDX-License-Identifier: Apache-2.0
"""What sequences add to single images: accepted positives, kidnappings, milliseconds.

    python tools/bench/sequence.py --kitti MAP_BAG QUERY_BAG --corridor FOLDER --walk FOLDER

Without arguments only the time of an update is measured. Descriptions of images are kept in the
folder that --cache names.
"""

from __future__ import annotations

from dataclasses import dataclass

from kidnapping import report_jumps
from recorded import Table, cached_drive_options, percent
from sequence_drives import Drive, drives, kitti_halves
from update_time import report_times

from vpr_ros.datatypes import Cause, Recognition, Verdict

MODES = (  # what answers come from, sequence.mode, whether odometry is told
    ("single images", "off", False),
    ("filter", "filter", False),
    ("SeqSLAM", "seqslam", False),
    ("filter, odometry", "filter", True),
    ("SeqSLAM, odometry", "seqslam", True),
)
NAMES = ("frames", "positives", "accepted", "precision", "found")
LEVELS = ("found at single's precision", "found at 100 % precision")


@dataclass(frozen=True)
class Judged:
    """One answer held against the truth."""

    confidence: float  # 0 where the rules refuse, whatever the probability
    is_accepted: bool
    is_right: bool
    has_positive: bool

    @classmethod
    def of(cls, drive: Drive, number: int, answer: Recognition) -> Judged:
        """Probabilities of single images are all 1 from a hundred inliers on, scores differ."""
        comparison = answer.candidates[0].comparison
        is_single = "inliers" in answer.reason and comparison is not None
        confidence = comparison.score if is_single else answer.probability
        if answer.verdict is Verdict.AMBIGUOUS or answer.cause is Cause.STALE:
            confidence = 0.0
        is_accepted = answer.verdict is Verdict.ACCEPTED
        is_right = drive.is_first_right(number, answer)
        return cls(confidence, is_accepted, is_right, drive.has_positive(number))


def main() -> None:
    options = cached_drive_options(__doc__)
    table = Table(f"{'drive':28}", f"{'answers from':18}", *NAMES, *LEVELS)
    for drive in drives(options, (200, 140)):
        report(drive, table)
    if options.kitti:
        report_jumps(kitti_halves(options.kitti[0], options.cache))
    report_times()


def report(drive: Drive, table: Table) -> None:
    """One row for each mode."""
    level = None
    for name, mode, use_odometry in MODES:
        if use_odometry and drive.queries[0].odometry is None:
            continue
        with drive.opened({"sequence.mode": mode}) as opened:
            answers = drive.answers(opened, use_odometry)
        judged = [Judged.of(drive, *numbered) for numbered in enumerate(answers)]
        taken = [each for each in judged if each.is_accepted]
        right = sum(each.is_right for each in taken)
        if level is None:
            level = right / max(len(taken), 1)
        positives = sum(each.has_positive for each in judged)
        table.row(
            *(drive.name, name, len(judged), positives, len(taken), percent(right, len(taken))),
            percent(share_found(taken, positives), 1.0),
            *(percent(most_found(judged, positives, each), 1.0) for each in (level, 1.0)),
        )


def share_found(taken: list[Judged], positives: int) -> float:
    """The part of the positives that is answered right."""
    return sum(each.is_right and each.has_positive for each in taken) / positives


def most_found(judged: list[Judged], positives: int, precision: float) -> float:
    """The largest part of the positives found at a precision, over all thresholds."""
    shares = [0.0]
    for threshold in {each.confidence for each in judged if each.confidence > 0.0}:
        taken = [each for each in judged if each.confidence >= threshold]
        if sum(each.is_right for each in taken) >= precision * len(taken):
            shares.append(share_found(taken, positives))
    return max(shares)


if __name__ == "__main__":
    main()
