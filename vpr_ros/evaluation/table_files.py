# SPDX-License-Identifier: Apache-2.0
"""Reading the tables that data sets come with: every flaw becomes one line that names the file."""

from __future__ import annotations

import csv
import math
from collections.abc import Collection
from pathlib import Path

from vpr_ros.errors import DatasetError

Row = dict[str, str]


def read_lines(path: Path) -> list[str]:
    """The lines of a text file that are not empty, stripped.

    Raises:
        DatasetError: it is missing or not text.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DatasetError(f"{path}: {error.strerror}") from error
    except UnicodeError as error:
        raise DatasetError(f"{path}: not a text file: {error}") from error
    return [line.strip() for line in text.splitlines() if line.strip()]


def read_table(path: Path, columns: Collection[str]) -> list[Row]:
    """The rows of a CSV file with a header.

    Raises:
        DatasetError: it is missing, has no rows, lacks a column, or a row is too short.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            rows = list(reader)
            there = reader.fieldnames or ()
    except OSError as error:
        raise DatasetError(f"{path}: {error.strerror}") from error
    except (UnicodeError, csv.Error) as error:
        raise DatasetError(f"{path}: not a CSV file: {error}") from error
    missing = [name for name in columns if name not in there]
    if missing:
        has = ", ".join(filter(None, there)) or "none"
        raise DatasetError(f"{path}: no column {', '.join(missing)}; its columns are: {has}")
    if not rows:
        raise DatasetError(f"{path}: no rows below the header")
    for line, row in enumerate(rows, start=2):
        if None in row.values():
            raise DatasetError(f"{path}:{line}: a row that is too short: was the file cut off?")
    return rows


def number(row: Row, column: str, path: Path) -> float:
    """A number of a row.

    Raises:
        DatasetError: it is none, or not finite.
    """
    try:
        value = float(row[column])
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise DatasetError(f"{path}: {column} = {row[column]!r}: not a number")
    return value


def truth_value(row: Row, column: str, path: Path) -> bool:
    """A ``True`` or ``False`` as pandas writes them.

    Raises:
        DatasetError: it is neither.
    """
    text = row[column].strip()
    if text not in ("True", "False"):
        raise DatasetError(f"{path}: {column} = {text!r}: not True or False")
    return text == "True"
