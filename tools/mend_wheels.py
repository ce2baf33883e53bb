# SPDX-License-Identifier: Apache-2.0
"""Mend the CMake files of the ROS 2 wheels in the environment that runs this script.

The message packages' wheels export the include folders of the machine that built them
(``/opt/python/cp3XX-cp3XX/...``). CMake refuses folders that do not exist, so no package that
depends on those messages could be built. This script puts the environment's own folders there;
running it again changes nothing.
"""

from __future__ import annotations

import re
import sys
import sysconfig
from pathlib import Path

import numpy

BUILDER = r"/opt/python/[^/;\"]+"
NUMPY_INCLUDE = re.compile(BUILDER + r"/lib/[^;\"]*/numpy/(?:_core|core)/include")
PYTHON_INCLUDE = re.compile(BUILDER + r"/include/python3\.\d+t?")


def mend(text: str, python_include: str, numpy_include: str) -> str:
    """Return a CMake export file with the builder's include folders replaced.

    Args:
        text: content of the file.
        python_include: folder that holds this machine's ``Python.h``.
        numpy_include: folder that holds numpy's headers.
    """
    text = NUMPY_INCLUDE.sub(lambda _: numpy_include, text)
    return PYTHON_INCLUDE.sub(lambda _: python_include, text)


def main() -> int:
    """Mend every export file below ``sys.prefix``; return 1 when Python's headers are missing."""
    python_include = sysconfig.get_paths()["include"]
    if not (Path(python_include) / "Python.h").is_file():
        sys.stderr.write(
            f"Python.h is missing in {python_include}; sudo apt-get install python3-dev\n"
        )
        return 1
    mended = 0
    for path in sorted(Path(sys.prefix).glob("share/*/cmake/*.cmake")):
        text = path.read_text(encoding="utf-8")
        if "/opt/python/" not in text:
            continue
        path.write_text(mend(text, python_include, numpy.get_include()), encoding="utf-8")
        mended += 1
    sys.stdout.write(f"{mended} CMake files mended\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
