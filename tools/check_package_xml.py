# SPDX-License-Identifier: Apache-2.0
"""Check package.xml files: well formed, format 3, and all that catkin_pkg requires or warns about.

Usage: ``python tools/check_package_xml.py FILE...``. Prints one line per defect; exit code 1 when
there is any.
"""

from __future__ import annotations

import sys

from catkin_pkg.package import InvalidPackage, parse_package


def defects(path: str) -> list[str]:
    """Return what is wrong with a package.xml file, in words; an empty list when nothing is.

    Args:
        path: the file. It must be named ``package.xml``.
    """
    warnings: list[str] = []
    try:
        package = parse_package(path, warnings=warnings)
        package.validate(warnings=warnings)
    except (InvalidPackage, OSError) as error:
        return [*warnings, str(error)]
    if package.package_format != 3:
        warnings.append(f"format is {package.package_format}, must be 3")
    if package.get_build_type() not in {"ament_cmake", "ament_python"}:
        warnings.append(
            f"build type is {package.get_build_type()!r}, must be ament_cmake or ament_python"
        )
    return sorted(set(warnings))


def main(paths: list[str]) -> int:
    """Check the files and report; return the exit code."""
    found = [f"{path}: {defect}" for path in paths for defect in defects(path)]
    sys.stdout.write("".join(f"{line}\n" for line in found))
    if not found:
        sys.stdout.write(f"{len(paths)} package.xml files are valid\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
