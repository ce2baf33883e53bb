# SPDX-License-Identifier: Apache-2.0
"""A robot that mapped an exact street, and what finds poses in it."""

import numpy as np
from worlds import PLAIN, World, at

from vpr_ros.config import PoseConfig
from vpr_ros.datatypes import Candidate, Features, Frame, Keyframe, ModelSpec, Recognition, Verdict
from vpr_ros.extractors.points import PointsOfFrames
from vpr_ros.geometry.residuals import difference
from vpr_ros.geometry.transforms import LINK_T_OPTICAL, RigidTransform
from vpr_ros.place_map import PlaceMap
from vpr_ros.route.pose_finder import PoseFinder

SPEC = ModelSpec("test", "", 8, 8, (), (), 4, 0, "fp32", "1")
IMAGE = np.zeros((480, 640, 3), np.uint8)
S = 10**9
# The street runs along the map's x axis.
MAP_T_WORLD = LINK_T_OPTICAL


class Eyes:
    """Finds the points of whatever the robot looks at."""

    name = "exact"

    def __init__(self, world):
        self.world, self.calls = world, 0
        self.look = None

    def detect(self, image):
        self.calls += 1
        world_T_camera, camera, noise = self.look
        return self.world.seen(world_T_camera, camera, noise, seed=99)


def base_pose(world_T_camera, camera, frame="odom"):
    """Where the base is if its camera is there."""
    mount = LINK_T_OPTICAL if camera.mount is None else RigidTransform.of_pose(camera.mount)
    return (MAP_T_WORLD @ world_T_camera @ mount.inverse()).as_pose(frame)


class Robot:
    """A map of a street, and what finds poses in it."""

    def __init__(self, path, poses, camera=PLAIN, told=None, with_points=True, noise=0.3):
        self.world = World()
        self.eyes = Eyes(self.world)
        self.map = PlaceMap.create(path, SPEC)
        for n, (pose, odometry) in enumerate(zip(poses, told or poses, strict=True)):
            points = self.world.seen(pose, camera, noise, seed=n) if with_points else None
            features = Features(np.eye(4, dtype=np.float32)[n % 4], None, points)
            where = None if odometry is None else base_pose(odometry, camera)
            self.map.append(Keyframe(n * S, features, where, camera))
        self.map.commit()
        self.finder = PoseFinder(self.map, PointsOfFrames(self.eyes), PoseConfig())

    def locate(self, row, pose, camera=PLAIN, verdict=Verdict.ACCEPTED, also=(), noise=0.3):
        records = [self.map.table.record(number) for number in (row, *also)]
        candidates = tuple(Candidate(record, 0.9) for record in records)
        self.eyes.look = pose, camera, noise
        recognition = Recognition(0, verdict, "", 0.99, candidates, {})
        return self.finder.locate(recognition, Frame(0, IMAGE.copy(), None, camera))

    def error(self, located, pose, camera=PLAIN):
        """The step from the true pose of the base to the measured one."""
        true = RigidTransform.of_pose(base_pose(pose, camera))
        return difference(RigidTransform.of_pose(located.pose.map_T_base), true)


ALONG = [at(z=float(n)) for n in range(9)]
BESIDE = at(1.0, 0.0, 4.4, turn=(0.0, 0.1, 0.0))
