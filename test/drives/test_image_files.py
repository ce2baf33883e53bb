# SPDX-License-Identifier: Apache-2.0
"""Folders of images as drives: order, stamps, poses, and what is refused."""

import cv2
import numpy as np
import pytest

from vpr_ros.drives.image_files import ImageFolder
from vpr_ros.errors import DatasetError, ImageError


@pytest.fixture
def folder(tmp_path):
    """Writes images of the given names; the red of each is its number."""

    def write(*names):
        for number, name in enumerate(names):
            image = np.full((8, 10, 3), (0, 0, 10 * number), np.uint8)
            cv2.imwrite(str(tmp_path / name), image)
        return tmp_path

    return write


def names_of(frames):
    return [frame.name for frame in frames]


def test_natural_order(folder):
    path = folder("f10.png", "f2.png", "f1.png", "F3.png", "f2b.png", "a100.jpg", "a20.jpg")
    names = names_of(ImageFolder(path).frames())
    assert names == ["F3.png", "a20.jpg", "a100.jpg", "f1.png", "f2.png", "f2b.png", "f10.png"]


def test_images_are_rgb(folder):
    frames = list(ImageFolder(folder("0.png", "1.png")).frames())
    assert frames[1].image[0, 0].tolist() == [10, 0, 0]


def test_other_files_are_left_alone(folder):
    path = folder("1.png")
    (path / "notes.txt").write_text("hello")
    (path / ".2.png").write_bytes(b"")
    assert len(ImageFolder(path).paths) == 1


def test_stamps_by_position(folder):
    path = folder("000001.png", "000005.png", "000010.png")
    assert ImageFolder(path, rate=4.0).stamps_ns == [0, 250_000_000, 500_000_000]
    with pytest.raises(DatasetError, match="rate = 0"):
        ImageFolder(path, rate=0)


def test_stamps_by_name(folder):
    path = folder("1700000000000000000.png", "1700000000200000001.png")
    assert ImageFolder(path).stamps_ns == [1700000000000000000, 1700000000200000001]
    folder("last.png")
    assert ImageFolder(path).stamps_ns == [0, 200_000_000, 400_000_000]


def test_stamps_beyond_64_bits_are_only_names(folder):
    assert ImageFolder(folder("9999999999999999999.png")).stamps_ns == [0]


def test_poses(folder):
    path = folder("1.png", "2.png")
    (path / "poses.csv").write_text("image,x,y,z,qx,qy,qz,qw\n2.png,1,2,3,0,0,0,2\n")
    images = ImageFolder(path)
    frames = list(images.frames())
    assert images.has_poses()
    assert frames[0].pose is None
    assert frames[1].pose.position == (1.0, 2.0, 3.0)
    assert frames[1].pose.orientation == (0.0, 0.0, 0.0, 1.0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no column image, qw"),
        ("image,x,y,z,qx,qy,qz\n1.png,1,2,3,0,0,0\n", "no column qw"),
        ("image,x,y,z,qx,qy,qz,qw\n1.png,1,2,3,0,0,0,1\n1.png,1,2\n", "poses.csv:3: not a pose"),
        ("image,x,y,z,qx,qy,qz,qw\n1.png,nan,2,3,0,0,0,1\n", "poses.csv:2: .*not finite"),
        ("image,x,y,z,qx,qy,qz,qw\n1.png,1,2,3,0,0,0,0\n", "zero quaternion"),
        ("image,x,y,z,qx,qy,qz,qw\n1.png,far,2,3,0,0,0,1\n", "'far'"),
    ],
)
def test_bad_poses(folder, text, said):
    path = folder("1.png")
    (path / "poses.csv").write_text(text)
    with pytest.raises(DatasetError, match=said):
        ImageFolder(path)


def test_unreadable_images_are_told_and_skipped(folder):
    path = folder("1.jpg", "2.jpg", "3.jpg")
    whole = (path / "2.jpg").read_bytes()
    (path / "2.jpg").write_bytes(whole[:-20])
    told = []
    frames = list(ImageFolder(path).frames(told.append))
    assert names_of(frames) == ["1.jpg", "3.jpg"]
    assert frames[1].stamp_ns == 400_000_000, "the stamps of the others stay"
    assert [type(error) for error in told] == [ImageError]
    assert "2.jpg" in str(told[0])


def test_one_image(folder):
    (frame,) = ImageFolder(folder("1.png", "2.png") / "2.png").frames()
    assert frame.name == "2.png"
    assert frame.stamp_ns == 0


def test_nothing_there(tmp_path):
    with pytest.raises(DatasetError, match="no images in this folder"):
        ImageFolder(tmp_path)
    with pytest.raises(DatasetError, match="no such file"):
        ImageFolder(tmp_path / "nowhere")
