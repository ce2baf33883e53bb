# SPDX-License-Identifier: Apache-2.0
"""Images with known places to train with, as a user names them."""

import pytest

from vpr_ros.cli.train_verb import read_places
from vpr_ros.errors import ConfigError, DatasetError


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "write PROTOCOL=FOLDER or bag=FILE"),
        ("msls", "write PROTOCOL=FOLDER or bag=FILE"),
        ("msls=", "write PROTOCOL=FOLDER or bag=FILE"),
        ("msls='/data", "No closing quotation"),
        ("bag=monday speed=3", "no option speed; known: query, image_topic"),
        ("bag=monday interval=soon", "interval=soon: write seconds"),
    ],
)
def test_what_is_said_another_way(text, said):
    with pytest.raises(ConfigError, match=said):
        read_places(text)


def test_what_is_not_there(tmp_path):
    assert read_places(None) is None
    with pytest.raises(DatasetError, match="no protocol 'atlantis'"):
        read_places(f"atlantis={tmp_path}")
    with pytest.raises(DatasetError, match="split = 'holiday'"):
        read_places(f"msls={tmp_path} split=holiday")
    with pytest.raises(DatasetError, match="nowhere"):
        read_places(f"bag={tmp_path}/nowhere")
