# SPDX-License-Identifier: Apache-2.0
"""The ``dbStruct`` that NetVLAD's data sets come with as a MATLAB file.

Its fields are explained in datasets/dbBase.m of github.com/Relja/netvlad.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vpr_ros.errors import DatasetError

Reals = NDArray[np.float64]

# Field of the struct, and what older files call it.
_FIELDS = {
    "dbImageFns": "dbImage",
    "utmDb": "utmDb",
    "qImageFns": "qImage",
    "utmQ": "utmQ",
    "posDistThr": "posDistThr",
}


@dataclass(frozen=True)
class MatStruct:
    """What such a file says."""

    path: Path  # of the file
    database: tuple[str, ...]  # paths below the folder of the database's images
    database_utm: Reals  # [D, 2] east and north, meters
    queries: tuple[str, ...]
    query_utm: Reals  # [Q, 2]
    max_distance: float  # meters within which a database image is right


def read_mat(folder: Path, name: str) -> MatStruct:
    """Read one of those files, which lies in the folder or in ``datasets`` below it.

    Raises:
        DatasetError: it is missing or damaged, a field is missing or not what it should be, or
            scipy is not installed.
    """
    path = next((p for p in (folder / "datasets" / name, folder / name) if p.is_file()), None)
    if path is None:
        raise DatasetError(
            f"{folder}: no {name}, nor datasets/{name}: it comes with NetVLAD's data"
        )
    struct = _struct(path)
    fields = {name: _field(struct, name, path) for name in _FIELDS}
    database, queries = (_texts(fields[name], name, path) for name in ("dbImageFns", "qImageFns"))
    return MatStruct(
        path,
        database,
        _positions(fields["utmDb"], "utmDb", len(database), path),
        queries,
        _positions(fields["utmQ"], "utmQ", len(queries), path),
        _distance(fields["posDistThr"], path),
    )


def _struct(path: Path) -> Any:
    try:
        from scipy.io import loadmat
    except ImportError as error:
        raise DatasetError(f"{path}: .mat files need scipy: pip install scipy") from error
    try:
        content = loadmat(str(path))
    except OSError as error:
        raise DatasetError(f"{path}: {error.strerror or error}") from error
    except NotImplementedError as error:  # MATLAB 7.3 writes HDF5
        raise DatasetError(f"{path}: saved by MATLAB 7.3: save it again with '-v7'") from error
    except Exception as error:  # scipy raises whatever it trips over in damaged bytes
        raise DatasetError(f"{path}: not a .mat file, or damaged: {error}") from error
    struct = content.get("dbStruct")
    if struct is None or struct.dtype.names is None or struct.size != 1:
        raise DatasetError(f"{path}: no struct dbStruct: not one of NetVLAD's files")
    return struct.reshape(-1)[0]


def _field(struct: Any, name: str, path: Path) -> Any:
    for each in (name, _FIELDS[name]):
        if each in struct.dtype.names:
            return struct[each]
    has = ", ".join(struct.dtype.names)
    raise DatasetError(f"{path}: dbStruct has no field {name}; its fields are: {has}")


def _texts(cells: Any, name: str, path: Path) -> tuple[str, ...]:
    """A cell array of texts: an object array whose elements are arrays of one text."""
    texts = []
    for cell in np.asarray(cells).reshape(-1):
        text = np.asarray(cell)
        if text.size != 1 or text.dtype.kind != "U":
            raise DatasetError(f"{path}: {name} does not hold file names")
        texts.append(str(text.item()).strip())
    if not texts:
        raise DatasetError(f"{path}: {name} is empty: no images")
    return tuple(texts)


def _positions(values: Any, name: str, count: int, path: Path) -> Reals:
    array = np.asarray(values)
    if array.shape != (2, count) or array.dtype.kind not in "fiu":
        shape = " x ".join(map(str, array.shape))
        raise DatasetError(f"{path}: {name} is {shape}, must be 2 x {count} numbers")
    if not np.isfinite(array).all():
        raise DatasetError(f"{path}: {name} has positions that are not finite")
    return np.ascontiguousarray(array.T, float)


def _distance(value: Any, path: Path) -> float:
    array = np.asarray(value)
    if array.size != 1 or array.dtype.kind not in "fiu" or not float(array.item()) > 0.0:
        raise DatasetError(f"{path}: posDistThr must be one positive number of meters")
    return float(array.item())
