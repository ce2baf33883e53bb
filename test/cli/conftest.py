# SPDX-License-Identifier: Apache-2.0
"""A facade that a camera passes by, as image files and as a bag, and the command line itself."""

import sys
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pytest
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from vpr_ros.cli.main import main

sys.path.insert(0, str(Path(__file__).parents[1] / "drives"))

from recorded import bags  # noqa: F401

WIDTH, HEIGHT, STEP = 240, 120, 60  # pixels; the camera moves by STEP per image
IMAGES = 8


def facade(seed):
    """A long textured wall, RGB uint8."""
    random = np.random.default_rng(seed)
    wall = np.full((HEIGHT, WIDTH + STEP * IMAGES, 3), 128, np.uint8)
    for _ in range(700):
        x, y = int(random.integers(wall.shape[1])), int(random.integers(HEIGHT))
        size = tuple(int(value) for value in random.integers(3, 22, 2))
        color = tuple(int(value) for value in random.integers(0, 255, 3))
        cv2.ellipse(wall, (x, y), size, float(random.integers(180)), 0, 360, color, -1)
    return wall


def views(wall, offset=0, light=1.0):
    """What the camera sees: one view per step, beginning at an offset in pixels."""
    for index in range(IMAGES):
        left = offset + STEP * index
        yield np.clip(light * wall[:, left : left + WIDTH], 0, 255).astype(np.uint8)


def write_folder(folder, images):
    folder.mkdir()
    for index, image in enumerate(images):
        cv2.imwrite(str(folder / f"{index}.png"), image[..., ::-1])
    return folder


def write_poses(folder):
    rows = [f"{index}.png,{2.0 * index},0,0,0,0,0,1" for index in range(IMAGES)]
    (folder / "poses.csv").write_text("\n".join(["image,x,y,z,qx,qy,qz,qw", *rows]) + "\n")


def write_bag(path, images):
    typestore = get_typestore(Stores.ROS2_HUMBLE)
    kind = "sensor_msgs/msg/CompressedImage"
    make_header = typestore.types["std_msgs/msg/Header"]
    make_stamp = typestore.types["builtin_interfaces/msg/Time"]
    with Writer(path, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        connection = writer.add_connection("/camera", kind, typestore=typestore)
        for index, image in enumerate(images):
            header = make_header(make_stamp(1_700_000_000 + index, 0), "camera")
            data = cv2.imencode(".png", image[..., ::-1])[1].reshape(-1)
            message = typestore.types[kind](header, "png", data)
            stamp_ns = (1_700_000_000 + index) * 10**9
            writer.write(connection, stamp_ns, typestore.serialize_cdr(message, kind))
    return path


@pytest.fixture(scope="session")
def drives(tmp_path_factory):
    """A folder: ``map``, ``query`` (dimmer, shifted), ``elsewhere``, ``bag``, ``empty`` (a bag)."""
    folder = tmp_path_factory.mktemp("drives")
    wall = facade(1)
    write_poses(write_folder(folder / "map", views(wall)))
    write_folder(folder / "query", views(wall, offset=8, light=0.8))
    write_folder(folder / "elsewhere", views(facade(2)))
    write_bag(folder / "bag", views(wall))
    write_bag(folder / "empty", [])
    return folder


class Result(NamedTuple):
    code: int
    out: str
    err: str


def words(*argv):
    """A command line; by ``hog_sift`` unless it says otherwise, as a painted wall is no photo."""
    plain = argv[0] not in ("map", "localize", "evaluate") or "--method" in argv or "-h" in argv
    return [str(each) for each in (argv if plain else (*argv, "--method", "hog_sift"))]


@pytest.fixture
def vpr(capsys):
    """Runs the command line in this process."""

    def run(*argv):
        capsys.readouterr()
        code = main(words(*argv))
        return Result(code, *capsys.readouterr())

    return run


@pytest.fixture(scope="session")
def street_map(drives, tmp_path_factory):
    """A map of the facade."""
    path = tmp_path_factory.mktemp("maps") / "street.vprmap"
    assert main(words("map", drives / "map", "-o", path)) == 0
    return path
