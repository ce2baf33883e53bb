# SPDX-License-Identifier: Apache-2.0
"""Services that look into a node's map, exchange it, or save it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from vpr_ros.errors import MapError, VprError
from vpr_ros.nodes.conversions import image_from_message, place_match_to_message, stamp_to_ns
from vpr_ros.nodes.interfaces import GetMapInfo, LoadMap, QueryPlace, SaveMap

if TYPE_CHECKING:
    from vpr_ros.nodes.route_node import RouteNode


class MapServices:
    """Each waits for the frame in hand, and answers what went wrong in a sentence."""

    def __init__(self, node: RouteNode) -> None:
        self._node = node
        node.create_service(GetMapInfo, "~/get_map_info", self._get_map_info)
        node.create_service(QueryPlace, "~/query_place", self._query_place)
        node.create_service(LoadMap, "~/load_map", self._load_map)
        node.create_service(SaveMap, "~/save_map", self._save_map)

    def _get_map_info(
        self, request: GetMapInfo.Request, response: GetMapInfo.Response
    ) -> GetMapInfo.Response:
        node = self._node
        try:
            info = node.on_worker(node.in_use().place_map.info)
        except VprError as error:
            response.message = str(error)
            return response
        response.success, response.path = True, str(info.path)
        response.method, response.fingerprint = info.spec.method, info.space
        response.sessions, response.keyframes = len(info.sessions), info.keyframes
        response.keyframes_with_pose = info.keyframes_with_pose
        response.size_bytes = info.size_bytes
        return response

    def _query_place(
        self, request: QueryPlace.Request, response: QueryPlace.Response
    ) -> QueryPlace.Response:
        node, header = self._node, request.image.header
        try:
            image = image_from_message(request.image)
            opened = node.in_use()
            stamp_ns = stamp_to_ns(header.stamp)
            # Alone: the image need not be one of the drive that a sequence filter follows.
            answer = node.on_worker(lambda: node.answer_alone(image, stamp_ns))
        except VprError as error:
            response.message = str(error)
            return response
        response.success = True
        path = node.config.map_path
        response.match = place_match_to_message(answer, header, path, opened.searched.path_of)
        return response

    def _load_map(self, request: LoadMap.Request, response: LoadMap.Response) -> LoadMap.Response:
        node = self._node
        try:
            node.on_worker(lambda: node.replace_map(request.path))
        except VprError as error:
            response.message = str(error)
            return response
        response.success = True
        response.message = f"{request.path}: {len(node.in_use().place_map)} keyframes"
        return response

    def _save_map(self, request: SaveMap.Request, response: SaveMap.Response) -> SaveMap.Response:
        node = self._node
        try:
            place_map = node.in_use().place_map
            node.on_worker(lambda: _save(node, request.path))
        except VprError as error:
            response.message = str(error)
            return response
        response.success, response.keyframes = True, len(place_map)
        response.path = request.path or node.config.map_path
        return response


def _save(node: RouteNode, copy_path: str) -> None:
    place_map = node.in_use().place_map
    if not copy_path and not node.learns:
        raise MapError(
            f"mode {node.config.mode} changes nothing in the map: name a file to copy to"
        )
    place_map.commit()
    if copy_path:
        place_map.save_copy(Path(copy_path).expanduser())
