# SPDX-License-Identifier: Apache-2.0
"""The page as a document: well formed, self-contained, complete, and safe from names."""

import base64
import re
from dataclasses import replace
from html.parser import HTMLParser

import cv2
import numpy as np
import pytest

from vpr_ros.evaluation.report.gallery import galleries

VOID = {"img", "meta", "link"}


class Outline(HTMLParser):
    """What a page consists of; raises where elements are not closed in order."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.elements, self.text, self._open = [], [], []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        if self._open and self._open[-1] != "style":
            self.text.append(data)

    def of(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def outline(html):
    return Outline(html)


def test_it_needs_nothing_else(html, outline):
    assert html.startswith("<!DOCTYPE html>")
    assert outline.of("script") == []
    addresses = [each.get("src") or each.get("href") for _, each in outline.elements]
    assert all(each.startswith("data:") for each in addresses if each)
    assert "url(" not in html
    assert "@import" not in html


def test_names_cannot_break_out(html, outline):
    assert "<script" not in html
    assert "<view" not in html
    said = " ".join(outline.text)
    assert '</style><script>alert("\'&amp;")</script>' in said
    assert "<view 3> & 9.png" in said


def test_everything_is_there(outline):
    said = " ".join(outline.text)
    for words in (
        "What a robot would be told",
        "Right among the first N",
        "Accepting only sure matches",
        "From above",
        "Similarity of all images",
        "Surest right matches",
        "Median time of a query",
        "Beside published figures",
        "Efficiency: recall against the time",
        "R2Former",
        "decision.candidates=10",
        "Not accepted because of: too little agreement (4)",
    ):
        assert words in said, words
    charts = [each for each in outline.of("svg") if "chart" in each.get("class", "")]
    assert len(charts) >= 6
    assert len(outline.of("polyline")) >= 8


def test_images_are_images_and_described(outline):
    images = outline.of("img")
    assert len(images) > 10
    for each in images:
        assert each["alt"]
        raw = base64.b64decode(each["src"].partition(",")[2])
        shape = cv2.imdecode(np.frombuffer(raw, np.uint8), cv2.IMREAD_COLOR).shape
        assert shape[:2] == (int(each["height"]), int(each["width"]))


def test_charts_are_described_and_drawn_with_numbers(html, outline):
    for each in outline.of("svg"):
        assert each.get("role") == "img" or each.get("aria-hidden") == "true"
    assert not re.search(r"\b(nan|inf)\b", re.sub(r'src="data:[^"]*"', "", html))


def test_points_lie_in_their_charts(outline):
    for each in outline.of("polyline"):
        for pair in each["points"].split():
            x, y = map(float, pair.split(","))
            assert 0.0 <= x <= 440.0
            assert 0.0 <= y <= 290.0


def test_attention_is_shown_where_there_is_some(findings):
    case = findings.cases[0]
    looks = (
        replace(case.query, attention=case.query.jpeg),
        replace(case.match, attention=case.match.jpeg),
    )
    drawn = galleries([replace(case, query=looks[0], match=looks[1])])
    images = Outline(drawn).of("img")
    assert [each["alt"].startswith("Where the network looks") for each in images][:4] == [
        False,
        False,
        True,
        True,
    ]


def test_wide_images_stand_one_above_the_other(findings):
    case = findings.cases[0]
    wide = [replace(each, size=(300, 100)) for each in (case.query, case.match)]
    drawn = galleries([replace(case, query=wide[0], match=wide[1])])
    assert 'class="pair over"' in drawn
    assert 'viewBox="0 0 300 200"' in drawn


def test_a_secret_truth_leaves_a_page(secret_html):
    assert "How this was made" in " ".join(Outline(secret_html).text)
