# SPDX-License-Identifier: Apache-2.0
"""How far verdicts can be trusted: single images, the map's own calibration, no other setting.

    python tools/bench/calibration.py --kitti MAP_BAG QUERY_BAG --corridor FOLDER --walk FOLDER

Prints for each drive and each decision.target_precision: the score that was needed, precision and
recall of the accepted answers, the expected calibration error of all answers, and the area under
their risk-coverage curve. Descriptions of images are kept in the folder that --cache names.
"""

from __future__ import annotations

import numpy as np
from recorded import Table, cached_drive_options, percent
from sequence_drives import Drive, drives

from vpr_ros.datatypes import Recognition, Verdict
from vpr_ros.evaluation.metrics.curves import expected_calibration_error, risk_coverage

PRECISIONS = (0.9, 0.99, 0.999)
WALK_SECONDS = 4.5  # a walk's places are as long as its truth is lenient


def main() -> None:
    options = cached_drive_options(__doc__)
    counts = ("frames", "positives", "accepted", "ambiguous")
    figures = ("precision", "recall", "ECE", "AURC")
    table = Table(f"{'drive':30}", "target", "needed", *counts, *figures)
    for drive in drives(options):
        if "right to 4" in drive.name:
            drive.settings = {**drive.settings, "decision.place_seconds": WALK_SECONDS}
        for target in PRECISIONS:
            with drive.opened({"decision.target_precision": target}) as opened:
                needed = opened[-1].calibration.needed_score(target)
                row = figures_of(drive, drive.answers(opened))
            table.row(drive.name, f"{target:g}", f"{needed:.1f}", *row)


def figures_of(drive: Drive, answers: list[Recognition]) -> tuple[object, ...]:
    """The figures of one drive at one target."""
    right = np.array([drive.is_first_right(*numbered) for numbered in enumerate(answers)])
    positive = np.array([drive.has_positive(number) for number in range(len(answers))])
    accepted = np.array([answer.verdict is Verdict.ACCEPTED for answer in answers])
    ambiguous = sum(answer.verdict is Verdict.AMBIGUOUS for answer in answers)
    error = expected_calibration_error([a.probability for a in answers], right.tolist())
    # The score orders answers as their probability does, and goes on where that is 1.
    scores = [answer.candidates[0].comparison.score for answer in answers]
    return (
        *(len(answers), positive.sum(), accepted.sum(), ambiguous),
        percent((accepted & right).sum(), accepted.sum()),
        percent((accepted & right & positive).sum(), positive.sum()),
        f"{error:.3f}",
        f"{risk_coverage(scores, right.tolist()).area:.3f}",
    )


if __name__ == "__main__":
    main()
