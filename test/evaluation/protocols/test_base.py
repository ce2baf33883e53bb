# SPDX-License-Identifier: Apache-2.0
"""The table of protocols: options by name and as text, and what is refused."""

from pathlib import Path

import pytest

from vpr_ros.errors import DatasetError
from vpr_ros.evaluation.protocols import PROTOCOLS, read_set
from vpr_ros.evaluation.protocols.base import Option, Protocol


def reader(folder, count, share, flag, word):
    return folder.name, count, share, flag, word


OPTIONS = {
    "count": Option(3, "a number"),
    "share": Option(0.5, "a part"),
    "flag": Option(True, "yes or no"),
    "word": Option("", "anything"),
}


def test_options_are_read_from_texts(tmp_path):
    protocol = Protocol("for the test", reader, OPTIONS)
    assert protocol.read(tmp_path) == (tmp_path.name, 3, 0.5, True, "")
    given = {"count": "7", "share": "0.25", "flag": "false", "word": "x"}
    assert protocol.read(tmp_path, **given) == (tmp_path.name, 7, 0.25, False, "x")
    assert protocol.read(tmp_path, share=1) == (tmp_path.name, 3, 1.0, True, "")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"size": 3}, "no option size; this data set's are: count, share, flag, word"),
        ({"count": "many"}, "count = 'many': not a int"),
        ({"flag": "perhaps"}, "flag = 'perhaps': say true or false"),
    ],
)
def test_bad_options(tmp_path, options, said):
    with pytest.raises(DatasetError, match=said):
        Protocol("for the test", reader, OPTIONS).read(tmp_path, **options)


def test_unknown_protocols_and_folders():
    with pytest.raises(DatasetError, match="no protocol 'kitti'; known: msls, pitts30k"):
        read_set("kitti", Path("."))
    with pytest.raises(DatasetError, match="nowhere: there is no such folder"):
        read_set("msls", Path("nowhere"))


@pytest.mark.parametrize("name", PROTOCOLS)
def test_an_empty_folder_is_one_clear_line(name, tmp_path):
    with pytest.raises(DatasetError) as caught:
        read_set(name, tmp_path)
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", PROTOCOLS)
def test_every_option_is_explained(name):
    assert PROTOCOLS[name].summary
    assert all(option.help for option in PROTOCOLS[name].options.values())
