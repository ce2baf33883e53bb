# SPDX-License-Identifier: Apache-2.0
"""The similarity of every query with every database image, as a picture."""

from __future__ import annotations

import cv2
import numpy as np

from vpr_ros.evaluation.outcomes import Outcomes
from vpr_ros.evaluation.report.cases import Matrix
from vpr_ros.evaluation.report.markup import element, picture_data, text
from vpr_ros.images import encode_png

_HEIGHT = 560.0  # in pixels, of a matrix that is as high as wide
_LOW, _HIGH = 30.0, 99.9  # percentiles that become the darkest and the brightest color


def matrix_picture(matrix: Matrix, outcomes: Outcomes) -> str:
    """The matrix with the best match of each query marked, and what it shows in words."""
    rows, columns = matrix.similarities.shape
    image = element(
        "img",
        src=picture_data(_png(matrix), "png"),
        alt=f"Similarity of {rows} queries with {columns} database images",
        width=columns,
        height=rows,
    )
    view = f"0 0 {columns} {rows}"
    marks = element(
        "svg",
        *_marks(matrix, outcomes),
        viewBox=view,
        preserveAspectRatio="none",
        aria_hidden="true",
    )
    width = round(min(1040.0, _HEIGHT * max(1.0, columns / rows)))
    size = f"flex:1 1 {width}px;max-width:{width}px"
    shown = element("div", image, marks, class_="matrix", style=size)
    return element("div", shown, _caption(matrix, outcomes), class_="beside")


def _png(matrix: Matrix) -> bytes:
    low, high = np.percentile(matrix.similarities, [_LOW, _HIGH])
    shown = np.clip((matrix.similarities - low) / max(float(high - low), 1e-9), 0.0, 1.0)
    colors = cv2.applyColorMap(np.asarray(255.0 * shown, np.uint8), cv2.COLORMAP_CIVIDIS)
    return encode_png(np.ascontiguousarray(colors[..., ::-1], np.uint8))


def _marks(matrix: Matrix, outcomes: Outcomes) -> list[str]:
    """A tick at the best match of each query."""
    height = max(1.0, len(matrix.queries) / 160)
    width = max(1.0, len(matrix.database) / 160)
    drawn = []
    for row, query in enumerate(matrix.queries.tolist()):
        if not outcomes.judged[query] or outcomes.best[query] < 0:
            continue
        column = float(np.searchsorted(matrix.database, outcomes.best[query]))
        outcome = "right" if outcomes.right[query] else "wrong"
        if outcome == "wrong" and not outcomes.findable[query]:
            continue
        x, y = column + 0.5 - width / 2, row + 0.5 - height / 2
        drawn.append(element("rect", x=x, y=y, width=width, height=height, class_=outcome))
    return drawn


def _caption(matrix: Matrix, outcomes: Outcomes) -> str:
    rows, columns = matrix.similarities.shape
    queries = len(outcomes.best)
    words = "One row for each query, from top to bottom; one column for each database image."
    if rows < queries:
        words = f"{rows} of {queries} queries as rows; {columns} database images as columns."
    words += " Bright is similar. The best match of each query after reranking is marked: "
    right, wrong = element("b", "right", class_="right"), element("b", "wrong", class_="wrong")
    return element("p", text(words), right, " or ", wrong, ".", class_="note")
