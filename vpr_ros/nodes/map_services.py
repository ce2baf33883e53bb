# SPDX-License-Identifier: Apache-2.0
"""Services that look into a node's map, exchange it, or save it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Protocol, TypeVar

from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.lifecycle import Node as LifecycleNode
from std_srvs.srv import Trigger

from vpr_ros.config import NodeConfig
from vpr_ros.datatypes import Frame
from vpr_ros.errors import MapError, VprError
from vpr_ros.nodes.awaiting import result_of
from vpr_ros.nodes.conversions import image_from_message, stamp_to_ns
from vpr_ros.nodes.interfaces import GetMapInfo, LoadMap, QueryPlace, SaveMap
from vpr_ros.nodes.outputs import Outputs
from vpr_ros.route.session import Session

R = TypeVar("R")


class MapUser(Protocol):
    """What the services ask of the node that they belong to."""

    config: NodeConfig
    outputs: Outputs

    def session(self) -> Session:
        """The drive through the map in use; raises MapError where there is none."""
        ...

    def on_worker(self, function: Callable[[], R]) -> Future[R]:
        """Run something that touches the map between two frames."""
        ...

    def replace_map(self, path: str) -> None:
        """Use another map; raises MapError where it cannot be used."""
        ...

    def answer_next(self) -> dict[str, int]:
        """Answer the next image; tells how many publish each topic."""
        ...


class MapServices:
    """Each has its work done between two frames, and answers what went wrong in a sentence."""

    def __init__(self, node: LifecycleNode, user: MapUser) -> None:
        self._node, self._user = node, user
        # While one of them awaits, images and poses go on; another service has to wait.
        group = MutuallyExclusiveCallbackGroup()
        for kind, name, answer in (
            (GetMapInfo, "~/get_map_info", self._get_map_info),
            (QueryPlace, "~/query_place", self._query_place),
            (LoadMap, "~/load_map", self._load_map),
            (SaveMap, "~/save_map", self._save_map),
            (Trigger, "~/trigger", self._trigger),
        ):
            node.create_service(kind, name, answer, callback_group=group)

    async def _get_map_info(
        self, request: GetMapInfo.Request, response: GetMapInfo.Response
    ) -> GetMapInfo.Response:
        try:
            info = await self._on_worker(lambda: self._user.session().maps.place_map.info())
        except VprError as error:
            response.message = str(error)
            return response
        response.success, response.path = True, str(info.path)
        response.map_id, response.space = info.uuid, info.space
        response.method, response.made_by = info.spec.method, info.made_by
        response.sessions, response.keyframes = len(info.sessions), info.keyframes
        response.keyframes_with_pose = info.keyframes_with_pose
        response.size_bytes = info.size_bytes
        return response

    async def _query_place(
        self, request: QueryPlace.Request, response: QueryPlace.Response
    ) -> QueryPlace.Response:
        header = request.image.header
        try:
            frame = Frame(stamp_to_ns(header.stamp), image_from_message(request.image))
            # Alone: the image need not be one of the drive that a sequence filter follows.
            answer = await self._on_worker(lambda: self._user.session().answer_alone(frame))
        except VprError as error:
            response.message = str(error)
            return response
        response.success = True
        response.match = self._user.outputs.match_message(header, answer)
        return response

    async def _load_map(
        self, request: LoadMap.Request, response: LoadMap.Response
    ) -> LoadMap.Response:
        try:
            await self._on_worker(lambda: self._user.replace_map(request.path))
            keyframes = len(self._user.session().maps.place_map)
        except VprError as error:
            response.message = str(error)
            return response
        response.success, response.message = True, f"{request.path}: {keyframes} keyframes"
        return response

    async def _save_map(
        self, request: SaveMap.Request, response: SaveMap.Response
    ) -> SaveMap.Response:
        try:
            response.keyframes = await self._on_worker(lambda: self._saved(request.path))
        except VprError as error:
            response.message = str(error)
            return response
        response.success = True
        response.path = request.path or self._user.config.map_path
        return response

    def _trigger(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        publishers = self._user.answer_next()
        counts = ", ".join(f"{number} publish {topic}" for topic, number in publishers.items())
        response.success = any(publishers.values())
        response.message = f"the next image is answered; {counts}"
        return response

    async def _on_worker(self, function: Callable[[], R]) -> R:
        return await result_of(self._node, self._user.on_worker(function))

    def _saved(self, copy_path: str) -> int:
        """Make the map durable, and copy it where that is asked for; returns its keyframes."""
        session = self._user.session()
        if not copy_path and not session.learns:
            raise MapError(
                f"mode {self._user.config.mode} changes nothing in the map: name a file to copy to"
            )
        session.save()
        if copy_path:
            session.maps.place_map.save_copy(Path(copy_path).expanduser())
        return len(session.maps.place_map)
