# SPDX-License-Identifier: Apache-2.0
"""The localizer: every image gets an answer from the map."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from vpr_ros.config import LocalizerConfig
from vpr_ros.datatypes import ImageArray, Recognition
from vpr_ros.errors import MapError, VprError
from vpr_ros.nodes.conversions import image_from_message, place_match_to_message, stamp_to_ns
from vpr_ros.nodes.interfaces import LoadMap, PlaceMatch, QueryPlace
from vpr_ros.nodes.place_node import ImageFrame, PlaceNode
from vpr_ros.place_map import PlaceMap
from vpr_ros.recognizer import PlaceRecognizer


class LocalizerNode(PlaceNode):
    """Recognizes the places of a map."""

    def __init__(self) -> None:
        super().__init__("localizer", LocalizerConfig())
        self._recognizer: PlaceRecognizer | None = None
        self._verdicts: dict[str, int] = {}
        self._matches = self.create_lifecycle_publisher(PlaceMatch, "~/place_match", 10)
        self.create_service(QueryPlace, "~/query_place", self._query_place)
        self.create_service(LoadMap, "~/load_map", self._load_map)

    def open_map(self, path: Path) -> PlaceMap:
        """Open the map to search it."""
        assert self._pipeline is not None
        place_map = self._pipeline.open_map(path)
        self._recognizer = self._pipeline.recognizer(place_map)
        self._verdicts = {}
        return place_map

    def close(self) -> None:
        """Stop, and close the map."""
        super().close()
        self._recognizer = None

    def process(self, image: ImageArray, frame: ImageFrame) -> dict[str, float]:
        """Answer the image and publish the answer."""
        recognition = self._recognize(image, frame.stamp_ns)
        header = frame.message.header
        match = place_match_to_message(recognition, header, self._config.map_path)
        self._matches.publish(match)
        self._slam.localized(match)
        name = recognition.verdict.name
        self._verdicts[name] = self._verdicts.get(name, 0) + 1
        return recognition.timings_s

    def facts(self) -> dict[str, str]:
        """What was answered so far."""
        keyframes = str(len(self._map)) if self._map is not None else ""
        return {"keyframes": keyframes, **{k: str(v) for k, v in self._verdicts.items()}}

    def _recognize(self, image: ImageArray, stamp_ns: int) -> Recognition:
        if self._recognizer is None:
            raise MapError("the localizer has no map open: configure it first")
        return self._recognizer.recognize(image, stamp_ns)

    def _query_place(
        self, request: QueryPlace.Request, response: QueryPlace.Response
    ) -> QueryPlace.Response:
        header = request.image.header
        try:
            image = image_from_message(request.image)
            answer = self.on_worker(lambda: self._recognize(image, stamp_to_ns(header.stamp)))
        except VprError as error:
            response.message = str(error)
            return response
        response.success = True
        response.match = place_match_to_message(answer, header, self._config.map_path)
        return response

    def _load_map(self, request: LoadMap.Request, response: LoadMap.Response) -> LoadMap.Response:
        try:
            self.on_worker(lambda: self._replace_map(request.path))
        except VprError as error:
            response.message = str(error)
            return response
        response.success = True
        response.message = f"{request.path}: {len(self.opened_map())} keyframes"
        return response

    def _replace_map(self, path: str) -> None:
        """Open the new map first: if it is refused, the old one stays in use."""
        old = self.opened_map()
        self._map = self.open_map(Path(path).expanduser())
        self._config = dataclasses.replace(self._config, map_path=path)
        old.close()
