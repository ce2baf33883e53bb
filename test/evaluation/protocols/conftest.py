# SPDX-License-Identifier: Apache-2.0
"""Small folders in the layouts of the published data sets."""

import csv
import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest


class Layout:
    """Writes files below one folder."""

    def __init__(self, folder):
        self.folder = folder

    def image(self, name, value=100, size=(6, 8)):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.full((*size, 3), value, np.uint8))

    def images(self, names):
        for number, name in enumerate(names):
            self.image(name, number % 256)

    def text(self, name, content):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")

    def table(self, name, columns, rows):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(columns)
            writer.writerows(rows)

    def pickle(self, name, content):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(pickle.dumps(content, protocol=2))

    def mat(self, name, database, utm_db, queries, utm_q, **changes):
        """A dbStruct as MATLAB saves it: cell arrays are columns of objects."""
        scipy = pytest.importorskip("scipy.io", reason=".mat files need scipy")

        def cells(texts):
            column = np.empty((len(texts), 1), object)
            column[:, 0] = texts
            return column

        struct = {
            "whichSet": "test",
            "dbImageFns": cells(database),
            "utmDb": np.asarray(utm_db, float).T,
            "qImageFns": cells(queries),
            "utmQ": np.asarray(utm_q, float).T,
            "numImages": len(database),
            "numQueries": len(queries),
            "posDistThr": 25.0,
            "posDistSqThr": 625.0,
            "nonTrivPosDistSqThr": 100.0,
            **changes,
        }
        struct = {key: value for key, value in struct.items() if value is not None}
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        scipy.savemat(str(path), {"dbStruct": struct})


@pytest.fixture
def layout(tmp_path) -> Layout:
    folder = Path(tmp_path / "set")
    folder.mkdir()
    return Layout(folder)
