# SPDX-License-Identifier: Apache-2.0
"""Pipelines side by side: short names of settings, and what is refused."""

import pytest

from vpr_ros.cli.options import variants_of
from vpr_ros.errors import ConfigError


def test_variants_differ_from_the_common_settings():
    base, more, other = variants_of(
        ["method=hog_sift", "sift.max_side=320"],
        ["more: candidates=50", "other:decision.candidates=20 max_side=640"],
    )
    assert (base.name, more.name, other.name) == ("hog_sift", "more", "other")
    assert base.config.sift.max_side == more.config.sift.max_side == 320
    assert more.config.decision.candidates == 50
    assert other.config.decision.candidates == 20
    assert other.config.sift.max_side == 640


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ("candidates=50", "write 'NAME: SETTING=VALUE ...'"),
        (": candidates=50", "write 'NAME: SETTING=VALUE ...'"),
        ("name:", "write 'NAME: SETTING=VALUE ...'"),
        ("name: candidate=50", "no setting 'candidate'"),
        ("name: threads=1", "may be network.threads or homography.threads: write the whole name"),
        ("name: candidates", "write NAME=VALUE"),
        ("name: candidates='50", "No closing quotation"),
        ("r2former_tiny: candidates=50", "used twice"),
    ],
)
def test_refusals(argument, said):
    with pytest.raises(ConfigError, match=said.replace("(", r"\(")):
        variants_of([], [argument])
