# SPDX-License-Identifier: Apache-2.0
"""What a demonstration leaves to look at: the report of an evaluation, and one picture."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from vpr_ros.datatypes import Recognition, Verdict
from vpr_ros.demo.drives import Drive
from vpr_ros.demo.results import Results, judged_in_words
from vpr_ros.drives.bag_file import BagFile
from vpr_ros.drives.bag_images import BagImages, image_entries
from vpr_ros.errors import ImageError
from vpr_ros.evaluation.judge import Truth
from vpr_ros.evaluation.outcomes import MISSED, REFUSED, RIGHT, WRONG
from vpr_ros.evaluation.protocols.map_set import Keyframes
from vpr_ros.evaluation.report.cases import answered_cases
from vpr_ros.evaluation.report.overhead import Situation
from vpr_ros.evaluation.report.page import Findings, page
from vpr_ros.evaluation.report.poster import Poster, Shot, write_poster
from vpr_ros.evaluation.retrieval_set import RetrievalSet
from vpr_ros.records.as_json import as_json

_OUTCOMES = {Verdict.ACCEPTED: RIGHT, Verdict.AMBIGUOUS: MISSED, Verdict.UNKNOWN: REFUSED}


@dataclass(frozen=True)
class Gallery:
    """The images of a demonstration with its results."""

    keyframes: Keyframes
    queries: BagImages
    results: Results
    truth: Truth | None

    @classmethod
    def of(
        cls, drive: Drive, map_path: Path, received: Sequence[Recognition], truth: Truth | None
    ) -> Gallery:
        """Look up the images that were sent and the keyframes of the map."""
        keyframes = Keyframes(map_path)
        with closing(BagFile(drive.bag)) as bag:
            queries = BagImages(drive.bag, drive.image, sorted(image_entries(bag, drive.image)))
        results = Results.of(
            received, queries.stamps_ns, keyframes.stamps_ns, truth, keyframes.pose_of
        )
        return cls(keyframes, queries, results, truth)

    def write(self, folder: Path, scratch: Path) -> list[Path]:
        """Write numbers, page and picture into one folder, the answers into another.

        Returns:
            What a person should look at.
        """
        lines = [
            json.dumps(as_json(name, answer))
            for name, answer in zip(self.queries.names, self.results.answers, strict=True)
            if answer is not None
        ]
        (scratch / "answers.jsonl").write_text("\n".join([*lines, ""]), "utf-8")
        paths = [folder / f"demo.{suffix}" for suffix in ("png", "html", "json")]
        write_poster(paths[0], self._poster())
        paths[1].write_text(page(self._findings()), "utf-8")
        self.results.write(paths[2])
        return paths

    def _findings(self) -> Findings:
        outcomes, answers = self.results.verdicts.outcomes, self.results.answers
        data, made = self._data(), f"{datetime.now():%Y-%m-%d %H:%M}"
        cases = answered_cases(data, outcomes, answers)
        command = shlex.join(["python", "-m", "vpr_ros.demo", *sys.argv[1:]])
        return Findings(data, (), (), command, made, verdicts=self.results.verdicts, cases=cases)

    def _data(self) -> RetrievalSet:
        truth = self.truth or Truth([], [])
        name = "A place for every frame"
        places = tuple(truth.map_pose(stamp) for stamp in self.keyframes.stamps_ns)
        poses = tuple(truth.query_pose(stamp) for stamp in self.queries.stamps_ns)
        sources = (self.keyframes, self.queries)
        return RetrievalSet(name, *sources, {}, database_poses=places, query_poses=poses)

    def _poster(self) -> Poster:
        data, verdicts = self._data(), self.results.verdicts
        drives = data.database_poses, data.query_poses
        situation = Situation(*drives, verdicts.outcomes, verdicts.poses.placed)
        times = [
            (1e-9 * answer.stamp_ns, 1e-9 * answer.candidates[0].keyframe.stamp_ns)
            for answer in self.results.answers
            if answer and answer.candidates and answer.verdict is not Verdict.UNKNOWN
        ]
        shots = [shot for query in self._chosen(8) if (shot := self._shot(query))]
        return Poster(
            "vpr_ros: a place for every frame", self.results.summary(), situation, times, shots
        )

    def _chosen(self, count: int) -> list[int]:
        """Some frames of every kind, spread over the drive, in its order."""
        kinds: dict[str, list[int]] = {WRONG: [], MISSED: [], REFUSED: [], RIGHT: []}
        words = self.results.verdicts.outcomes.words
        for query, answer in enumerate(self.results.answers):
            if answer is not None and answer.candidates:
                wrong = words[query] == WRONG
                kinds[WRONG if wrong else _OUTCOMES[answer.verdict]].append(query)
        chosen: list[int] = []
        for kind, most in ((WRONG, 2), (MISSED, 1), (REFUSED, count // 4), (RIGHT, count)):
            chosen += _spread(kinds[kind], min(most, count - len(chosen)))
        return sorted(chosen)

    def _shot(self, query: int) -> Shot | None:
        """What the poster shows of one frame; None where an image is damaged."""
        answer, outcomes = self.results.answers[query], self.results.verdicts.outcomes
        assert answer is not None  # as chosen
        try:
            images = self.queries.read(query), self.keyframes.read(int(outcomes.best[query]))
        except ImageError:
            return None
        judged = judged_in_words(answer, self.truth)
        headline = f"{answer.verdict.name}, {judged}" if judged else answer.verdict.name
        wrong = outcomes.words[query] == WRONG
        return Shot(*images, headline, answer.reason, WRONG if wrong else _OUTCOMES[answer.verdict])


def _spread(queries: Sequence[int], count: int) -> list[int]:
    """Up to ``count`` of them, evenly far apart."""
    count = min(count, len(queries))
    return [queries[(2 * i + 1) * len(queries) // (2 * count)] for i in range(count)]
