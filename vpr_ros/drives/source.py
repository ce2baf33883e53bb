# SPDX-License-Identifier: Apache-2.0
"""Whatever SOURCE names (a bag, a folder of images, one image) as one stream of frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from vpr_ros.datatypes import Frame
from vpr_ros.drives.bag_file import is_bag
from vpr_ros.drives.bag_reader import BagReader
from vpr_ros.drives.flaws import OnError
from vpr_ros.drives.image_files import DEFAULT_RATE, POSES_FILE, ImageFolder, is_image
from vpr_ros.errors import DatasetError, VprError


@dataclass(frozen=True)
class Source:
    """Where frames come from."""

    path: Path
    count: int  # frames there should be
    images: str  # what they are, in words
    poses: str  # where their poses come from, in words; empty without
    frames: Callable[[OnError], Iterator[Frame]]
    # Why images of these stamps have no pose, and whether no other has one; once frames were read.
    why_no_pose: Callable[[Sequence[int], bool], str]

    def nothing_read(self, first: VprError | None) -> DatasetError:
        """The error of a source none of whose frames could be used, by the first one's error."""
        why = f": {first}" if first else ""
        return DatasetError(f"{self.path}: none of {self.count} frames could be read{why}")


@contextmanager
def open_source(
    path: Path, image_topic: str = "", pose_topic: str | None = "", rate: float = DEFAULT_RATE
) -> Iterator[Source]:
    """Open what a path names.

    Args:
        path: a bag, a folder of images, or an image.
        image_topic: which images of a bag; empty for the only ones.
        pose_topic: which poses of a bag; empty for the only ones, None for none.
        rate: images per second where their names are no stamps.

    Raises:
        DatasetError: it is none of these, or does not hold what was asked of it.
    """
    if not path.exists():
        raise DatasetError(f"{path}: there is no such file or folder")
    if is_bag(path):
        with BagReader(path) as bag:
            yield _of_bag(path, bag, image_topic, pose_topic)
    elif not (path.is_dir() or is_image(path)):
        raise DatasetError(f"{path}: neither a bag nor a folder of images nor an image")
    elif image_topic or pose_topic:
        raise DatasetError(f"{path}: only bags have topics: leave out {image_topic or pose_topic}")
    else:
        folder = ImageFolder(path, rate)
        poses = POSES_FILE if folder.has_poses() else ""
        yield Source(path, len(folder.paths), "image files", poses, folder.frames, _not_listed)


def _of_bag(path: Path, bag: BagReader, image_topic: str, pose_topic: str | None) -> Source:
    images = bag.image_topic(image_topic)
    poses = None if pose_topic is None else bag.pose_topic(pose_topic)

    def frames(on_error: OnError) -> Iterator[Frame]:
        return bag.frames(images.name, poses.name if poses else None, on_error)

    def why_no_pose(stamps_ns: Sequence[int], is_all: bool) -> str:
        return bag.recorded_poses(poses).why_none(stamps_ns, is_all)

    name = poses.name if poses else ""
    return Source(path, images.count, images.name, name, frames, why_no_pose)


def _not_listed(stamps_ns: Sequence[int], is_all: bool) -> str:
    return f"{POSES_FILE} does not name {'them' if len(stamps_ns) > 1 else 'it'}"
