# SPDX-License-Identifier: Apache-2.0
"""The mapper: images and poses of a drive become keyframes of a map."""

from __future__ import annotations

import time
from pathlib import Path

from sensor_msgs.msg import CameraInfo

from vpr_ros.config import MapperConfig
from vpr_ros.datatypes import Camera, ImageArray
from vpr_ros.errors import VprError
from vpr_ros.map_builder import Frame, MapBuilder
from vpr_ros.nodes.conversions import camera_from_message
from vpr_ros.nodes.interfaces import SaveMap
from vpr_ros.nodes.parameters import read_parameters
from vpr_ros.nodes.place_node import ImageFrame, PlaceNode
from vpr_ros.nodes.pose_feed import POSE_SOURCES, PoseFeed
from vpr_ros.place_map import PlaceMap


class MapperNode(PlaceNode):
    """Learns a route while somebody drives it."""

    def __init__(self) -> None:
        super().__init__("mapper", MapperConfig())
        self._mapper_config = MapperConfig()
        self._builder: MapBuilder | None = None
        self._poses = PoseFeed(self._mapper_config.pose_gap)
        self._without_pose = 0
        self._camera: Camera | None = None
        self.create_service(SaveMap, "~/save_map", self._save_map)

    def open_map(self, path: Path) -> PlaceMap:
        """Continue the map, or start it."""
        assert self._pipeline is not None
        self._mapper_config = read_parameters(self, MapperConfig())
        self._poses = PoseFeed(self._mapper_config.pose_gap)
        self._without_pose = 0
        place_map = self._pipeline.continue_map(path)
        self._builder = self._pipeline.map_builder(place_map, self._mapper_config.session)
        return place_map

    def subscribe(self) -> None:
        """Images, poses and the camera's intrinsics."""
        if self._mapper_config.pose_type in POSE_SOURCES:
            topic, kind = POSE_SOURCES[self._mapper_config.pose_type]
            self.listen(kind, topic, self._poses.take)
        self.listen(CameraInfo, "camera_info", self._take_camera)
        super().subscribe()

    def stop(self) -> None:
        """Finish the frame in hand and make everything durable."""
        super().stop()
        if self._builder is not None:
            self._builder.finish()

    def close(self) -> None:
        """Stop, and close the map."""
        try:
            super().close()
        finally:
            self._builder = None

    def process(self, image: ImageArray, frame: ImageFrame) -> dict[str, float]:
        """Offer the image, with its pose if one comes in time, to the map."""
        assert self._builder is not None
        start = time.monotonic()
        pose = None
        if self._mapper_config.pose_type in POSE_SOURCES:
            pose = self._poses.at(frame.stamp_ns, self._mapper_config.pose_timeout)
            self._without_pose += pose is None
        posed = time.monotonic()
        self._builder.offer(Frame(frame.stamp_ns, image, pose, self._camera))
        return {"pose": posed - start, "map": time.monotonic() - posed}

    def facts(self) -> dict[str, str]:
        """How the map grows, and whether poses come."""
        return {
            "keyframes": str(len(self._map)) if self._map is not None else "",
            "pose source": self._mapper_config.pose_type,
            "frames without pose": str(self._without_pose),
            "poses refused": str(self._poses.refused),
            "last pose error": self._poses.last_error,
        }

    def _take_camera(self, message: CameraInfo) -> None:
        self._camera = camera_from_message(message)

    def _save_map(self, request: SaveMap.Request, response: SaveMap.Response) -> SaveMap.Response:
        try:
            place_map = self.opened_map()
            self.on_worker(lambda: _save(place_map, request.path))
        except VprError as error:
            response.message = str(error)
            return response
        response.success, response.keyframes = True, len(place_map)
        response.path = request.path or self._config.map_path
        return response


def _save(place_map: PlaceMap, copy_path: str) -> None:
    place_map.commit()
    if copy_path:
        place_map.save_copy(Path(copy_path).expanduser())
