# SPDX-License-Identifier: Apache-2.0
"""What is measured on: a short simulated drive at 640x480, and a map of its first lap."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from vpr_ros import pipeline
from vpr_ros.config import MAP, PipelineConfig
from vpr_ros.datatypes import Frame, ImageArray
from vpr_ros.drives.bag_reader import BagReader
from vpr_ros.pipeline import Pipeline
from vpr_ros.place_map import PlaceMap
from vpr_ros.simulation import DriveConfig, small_drive, write_drive


@dataclass(frozen=True)
class Scene:
    """Images, the pipeline that describes them, and a map."""

    pipeline: Pipeline
    map_path: Path
    queries: list[ImageArray]  # of the second lap, RGB uint8 [480, 640, 3]

    @contextmanager
    def opened_map(self) -> Iterator[PlaceMap]:
        """The map, to search it."""
        with self.pipeline.open_map(self.map_path) as place_map:
            yield place_map


def make_scene(folder: Path, scratch: Path) -> Scene:
    """Render the drive unless it is in the folder, and make the map in ``scratch``."""
    small = small_drive()
    config = DriveConfig(plan=small.plan, rate_hz=1.5, image_width=640, image_height=480)
    bags = write_drive(folder / "drive", config)
    built = pipeline.build(PipelineConfig())
    map_path = scratch / "route.vprmap"
    with closing(built.open_session(map_path, MAP)) as session:
        for frame in _frames(bags.map_bag):
            session.step(frame)
        session.finish()
    images = [frame.image for frame in _frames(bags.query_bag)]
    return Scene(built, map_path, [image for image in images if image is not None])


def _frames(bag: Path) -> Iterator[Frame]:
    with BagReader(bag) as reader:
        for frame in reader.frames():
            yield Frame(frame.stamp_ns, frame.image, frame.pose, frame.camera)
