# SPDX-License-Identifier: Apache-2.0
"""Queries beside what they were matched with: images, matched points, and where a network looks."""

from __future__ import annotations

from collections.abc import Sequence

from vpr_ros.evaluation.report.cases import BEST, MISSED, WRONG, Case, Picture, most_telling
from vpr_ros.evaluation.report.markup import element, number, picture_data, text

Size = tuple[float, float]

_LINES = 36  # between the images of a pair
_UNITS = 300.0  # width of the drawing over a pair, in its own units
_WIDE = 2.0  # width of images over their height from which on they are not set side by side
_TITLES = {
    BEST: ("Surest right matches", "The best match is right, and its score the highest."),
    WRONG: ("Surest wrong matches", "What a robot would be misled by: wrong with a high score."),
    MISSED: (
        "Hardest places",
        "The database shows the place; the right answer came late, or not at all.",
    ),
}


def galleries(every: Sequence[Case]) -> str:
    """One section for each kind of case there is."""
    sections = []
    for kind, (title, explained) in _TITLES.items():
        some = [_figure(case) for case in every if case.kind == kind]
        if some:
            head = element("h3", text(title)) + element("p", text(explained), class_="note")
            sections.append(head + element("div", *some, class_="cases"))
    return "".join(sections)


def _figure(case: Case) -> str:
    right = "right" if case.kind == BEST else "wrong"
    pair = _pair(case, right)
    parts = [pair]
    if case.query.attention:
        looks = _image(case.query, True), _image(case.match, True)
        parts.append(_framed(case, *looks))
    pairs = (("query", case.query), ("match", case.match))
    names = [element("span", element("em", kind), f" {text(each.name)}") for kind, each in pairs]
    parts.append(element("div", *names, class_="names", style=_side_by_side(case)))
    parts.append(element("p", text(_words(case)), class_=f"said {right}"))
    if case.truth is not None:
        inside = _image(case.truth) + element("p", text(case.truth.name), class_="name")
        summary = element("summary", "What would have been right")
        parts.append(element("details", summary, inside))
    return element("figure", *parts, class_="case")


def _pair(case: Case, right: str) -> str:
    """Both images with the matched points joined."""
    size, corner, other = _layout(case)
    lines = []
    for start, end in most_telling(case.points, _LINES):
        x1, y1 = start[0] * corner[0], start[1] * corner[1]
        x2 = size[0] - other[0] + end[0] * other[0]
        y2 = size[1] - other[1] + end[1] * other[1]
        lines.append(element("line", x1=x1, y1=y1, x2=x2, y2=y2))
        lines += [element("circle", cx=x, cy=y, r=1.1) for x, y in ((x1, y1), (x2, y2))]
    view = f"0 0 {number(size[0])} {number(size[1])}"
    drawn = element(
        "svg", *lines, viewBox=view, preserveAspectRatio="none", class_=right, aria_hidden="true"
    )
    return _framed(case, _image(case.query), _image(case.match), drawn)


def _layout(case: Case) -> tuple[Size, Size, Size]:
    """Sizes of the drawing, of the query in its first corner, and of the match in its last."""
    ratios = [each.size[0] / each.size[1] for each in (case.query, case.match)]
    if _is_wide(case):
        heights = [_UNITS / ratio for ratio in ratios]
        return (_UNITS, sum(heights)), (_UNITS, heights[0]), (_UNITS, heights[1])
    height = _UNITS / sum(ratios)
    first, last = (ratio * height for ratio in ratios)
    return (_UNITS, height), (first, height), (last, height)


def _is_wide(case: Case) -> bool:
    """Whether the images are better shown one above the other."""
    return min(each.size[0] / each.size[1] for each in (case.query, case.match)) > _WIDE


def _framed(case: Case, *contents: str) -> str:
    if _is_wide(case):
        return element("div", *contents, class_="pair over")
    return element("div", *contents, class_="pair", style=_side_by_side(case))


def _side_by_side(case: Case) -> str:
    """Widths in the proportion of the images, so that both are equally high."""
    ratios = [each.size[0] / each.size[1] for each in (case.query, case.match)]
    return f"grid-template-columns:{ratios[0]:.4f}fr {ratios[1]:.4f}fr"


def _image(picture: Picture, attention: bool = False) -> str:
    jpeg = picture.attention if attention else picture.jpeg
    alt = f"Where the network looks in {picture.name}" if attention else picture.name
    width, height = picture.size
    return element("img", src=picture_data(jpeg, "jpeg"), alt=alt, width=width, height=height)


def _words(case: Case) -> str:
    count = len(case.points.query)
    words = f"{count} matched points"
    if case.score != count:  # where points are what is counted, once is enough
        words = f"score {case.score:.4g}, {words}"
    if case.kind == BEST:
        return words
    if case.first_right:
        return f"{words}; the first right answer is number {case.first_right}"
    if case.truth is None:
        return f"{words}; the database does not show this place"
    return f"{words}; no right answer in the ranking"
