# SPDX-License-Identifier: Apache-2.0
"""The page as a document: well formed, self-contained, complete, and safe from names."""

import base64
import re
import sys
from dataclasses import replace
from html.parser import HTMLParser

import cv2
import numpy as np
import pytest

from vpr_ros.errors import ConfigError
from vpr_ros.evaluation.report.cases import side_by_side
from vpr_ros.evaluation.report.page import page

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
    assert not re.search(r"url\((?!#)", html)  # charts cut their curves off by parts of themselves
    assert html.count("<style>") == 1  # a chart's own would be one of the whole page
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
        "4 of 6 accepted answers have a measured pose.",
        "66.7 % within the 99 % bounds of their own covariance",
        "Without a pose: no pose: the keyframe has no pose: map with odometry (2)",
    ):
        assert words in said, words
    charts = [each for each in outline.of("svg") if "chart" in each.get("class", "")]
    assert len(charts) >= 6
    assert len(outline.of("path")) >= 50


def test_images_are_images_and_described(outline):
    images = outline.of("img")
    assert len(images) > 5
    for each in images:
        assert each["alt"]
        raw = base64.b64decode(each["src"].partition(",")[2])
        shape = cv2.imdecode(np.frombuffer(raw, np.uint8), cv2.IMREAD_COLOR).shape
        assert shape[:2] == (int(each["height"]), int(each["width"]))


def test_charts_are_described_and_drawn_with_numbers(html, outline):
    for each in outline.of("svg"):
        assert each.get("role") == "img" or each.get("aria-hidden") == "true"
    assert not re.search(r"\b(nan|inf)\b", re.sub(r'"data:[^"]*"', "", html))


def test_charts_follow_the_page_by_day_and_by_night(html):
    drawn = re.findall(r"<svg.*?</svg>", re.sub(r'"data:[^"]*"', "", html), re.DOTALL)
    for chart in drawn:
        assert "var(--soft)" in chart or "var(--refused)" in chart or "<image" in chart
        assert "DejaVu" not in chart


def test_the_same_findings_give_the_same_page(findings, html):
    assert page(findings) == html


@pytest.mark.parametrize("library", ["matplotlib.figure", "jinja2"])
def test_what_is_missing_is_named(findings, monkeypatch, library):
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ConfigError, match=r"pip install -r requirements/evaluation\.txt"):
        page(findings)


def test_attention_is_shown_where_there_is_some(findings):
    case = replace(findings.cases[0], attention=findings.cases[0].pair)
    bare = replace(findings, cases=(case,), results=(), study=None, matrix=None)
    images = Outline(page(bare)).of("img")
    assert sum(each["alt"].startswith("Where the network looks") for each in images) == 1


def test_wide_images_stand_one_above_the_other():
    wide, narrow = (np.full((60, width, 3), 90, np.uint8) for width in (180, 80))
    assert side_by_side(wide, wide, None, True).size == (180, 124)
    assert side_by_side(narrow, wide, None, True).size == (264, 60)


def test_a_secret_truth_leaves_a_page(secret_html):
    assert "How this was made" in " ".join(Outline(secret_html).text)
