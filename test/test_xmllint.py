# SPDX-License-Identifier: Apache-2.0
"""package.xml is valid by the schema it names."""

from pathlib import Path

import pytest

ament_xmllint = pytest.importorskip("ament_xmllint.main", reason="comes with ROS from apt")


def test_package_xml_is_valid():
    root = Path(__file__).parents[1]
    assert ament_xmllint.main([str(root / "package.xml")]) == 0
