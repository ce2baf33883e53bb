# SPDX-License-Identifier: Apache-2.0
"""A map in use: what answers from it and, in modes that learn, what appends to it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from vpr_ros.config import NodeConfig
from vpr_ros.datatypes import Features, Frame, KeyframeKey, Pose
from vpr_ros.nodes.pose_feed import PoseFeed
from vpr_ros.pipeline import Pipeline
from vpr_ros.place_map import Map, PlaceMap, maps_in
from vpr_ros.route.loop_closer import LoopCloser
from vpr_ros.route.map_builder import Kept, MapBuilder
from vpr_ros.route.pose_correction import corrections

LOCALIZE, SLAM = "localize", "slam"
# Launch files give a process five seconds from being asked to end until it is killed.
_CALIBRATING_S = 3.0


class OpenedMap:
    """One map, those that are searched besides, and this drive through them."""

    place_map: PlaceMap
    searched: Map

    def __init__(self, pipeline: Pipeline, config: NodeConfig, path: Path) -> None:
        """Open the map to search it, or continue it, or start it; and the others to search them.

        Raises:
            MapError: one of them cannot be used.
        """
        self._config, self._pipeline = config, pipeline
        learns = config.mode != LOCALIZE
        path, *others = [path] if learns else maps_in(path)
        others += [each for name in config.more_maps for each in maps_in(Path(name).expanduser())]
        with ExitStack() as opened:
            # A map that is named twice, or is the one that may grow, counts once.
            known = {each.resolve(): each for each in (*others, path)}
            known.pop(path.resolve())
            more = [opened.enter_context(pipeline.open_map(each)) for each in known.values()]
            self.place_map = pipeline.continue_map(path) if learns else pipeline.open_map(path)
            opened.callback(self.place_map.close)
            self.searched = pipeline.joined(self.place_map, more)
            self._record = pipeline.calibrator.of(self.searched)
            self.recognizer = pipeline.recognizer(self.searched, self._record)
            self._builder: MapBuilder | None = None
            if learns:
                self._builder = pipeline.map_builder(self.place_map, config.session)
            self._close = opened.pop_all().close
        self.poses = PoseFeed(config.pose_gap)
        self._loops = LoopCloser(config.loops)

    def recent(self, stamp_ns: int, pose: Pose | None) -> list[KeyframeKey]:
        """Keyframes that were passed too lately to be an answer."""
        return self._loops.recent(stamp_ns, pose)

    def keep(self, frame: Frame, features: Features | None) -> Kept | None:
        """Append the frame if it is worth a keyframe; see ``MapBuilder.offer``."""
        kept = self._builder.offer(frame, features) if self._builder is not None else None
        if kept is not None:
            self._loops.add(kept.key, frame.stamp_ns, frame.pose)
        return kept

    def correct(self, path: Sequence[tuple[int, Pose]]) -> int:
        """Give this drive's keyframes the poses that a SLAM now knows of them.

        Args:
            path: (stamp in nanoseconds, pose) in the order of time.

        Returns:
            How many keyframes got a pose.

        Raises:
            MapError: the map cannot be written.
        """
        session = self.place_map.session
        corrected = corrections(self.place_map.table, session, path, self._config.correction_gap)
        if self.place_map.correct_poses(corrected):
            self.recognizer.reload()
        return len(corrected.rows)

    def reconfigure(self, config: NodeConfig) -> None:
        """Answer by other thresholds from now on.

        If those of decisions changed, what a sequence filter believed is forgotten.
        """
        if config.decision != self._config.decision:
            line = replace(self._pipeline, config=config)
            self._record = line.calibrator.of(self.searched, earlier=self._record)
            self.recognizer = line.recognizer(self.searched, self._record)
        self._config = config
        self._loops.config = config.loops

    def finish(self) -> None:
        """Make everything durable, and learn from the map what its scores are worth."""
        if self._builder is not None:
            self._builder.finish(_CALIBRATING_S)

    def close(self) -> None:
        """Close all maps."""
        self._close()
