# SPDX-License-Identifier: Apache-2.0
"""A robot that maps a rendered street by SIFT points, and the poses it then measures there."""

from dataclasses import dataclass, replace
from functools import cached_property

import cv2
import numpy as np

from vpr_ros.config import PoseConfig
from vpr_ros.datatypes import (
    Camera,
    Candidate,
    Features,
    Frame,
    Keyframe,
    ModelSpec,
    Recognition,
    Verdict,
)
from vpr_ros.evaluation.metrics.pose_errors import pose_errors
from vpr_ros.extractors.points import PointsOfFrames, SiftPoints
from vpr_ros.geometry.transforms import LINK_T_OPTICAL, RigidTransform, as_mount
from vpr_ros.place_map import PlaceMap
from vpr_ros.route.neighbors import mount_of
from vpr_ros.route.pose_finder import PoseFinder
from vpr_ros.simulation import camera as chip
from vpr_ros.simulation import small_drive
from vpr_ros.simulation.light import DAYLIGHT, DUSK, LightField, Sky, bake
from vpr_ros.simulation.plan import drive_along
from vpr_ros.simulation.renderer import Renderer, Scene
from vpr_ros.simulation.street import all_faces, build_town, parked_cars

SPEC = ModelSpec("test", "", 8, 8, (), (), 4, 0, "fp32", "1")
CONFIG = small_drive()
LANE, SPEED = CONFIG.lane, CONFIG.speed
DAY = DAYLIGHT, chip.SHARP, 0  # light, state of the camera, which cars are parked
EVENING = DUSK, chip.DIM, 1
NIGHT_LIGHT = replace(
    DUSK, sky=(0.05, 0.055, 0.08), zenith=(0.01, 0.01, 0.02), horizon=(0.03, 0.03, 0.04)
)
NIGHT = NIGHT_LIGHT, replace(chip.DIM, gain=2.0, noise=9.0), 1
S = 10**9


def mounted(x, y, z, yaw=0.0):
    """``base_T_optical`` of a camera that looks ahead, or turned to the left of that."""
    turn = np.array([[np.cos(yaw), -np.sin(yaw), 0], [np.sin(yaw), np.cos(yaw), 0], [0, 0, 1.0]])
    return as_mount(RigidTransform(turn, np.array([x, y, z])) @ LINK_T_OPTICAL)


def pinhole(width, height, focal, mount, name="front"):
    k = (focal, 0.0, (width - 1) / 2, 0.0, focal, (height - 1) / 2, 0.0, 0.0, 1.0)
    return Camera(width, height, k, "plumb_bob", (0.0,) * 5, mount, name, name)


FRONT = pinhole(320, 240, CONFIG.camera.focal * 320 / CONFIG.image_width, mounted(0.6, 0.1, 1.5))
REAR = replace(FRONT, mount=mounted(-0.5, 0.0, 1.4, np.pi), name="rear", frame_id="rear")
OTHER = pinhole(160, 120, 1.3 * FRONT.intrinsics[0] / 2, mounted(0.9, -0.2, 1.3), "other")
FISHEYE = replace(
    FRONT,
    intrinsics=(130.0, 0.0, 159.5, 0.0, 130.0, 119.5, 0.0, 0.0, 1.0),
    distortion_model="equidistant",
    distortion=(0.02, -0.005, 0.0, 0.0),
)


def way(aside=0.0, first=2.0, last=27.0, step=1.4, back=False):
    """``world_T_base`` along the first street and round its corner, meters beside the lane.

    Meters are those since the start; ``back`` is the way of who drives there backward.
    """
    corners = CONFIG.plan.map_lap()
    track = drive_along(corners, LANE + aside, SPEED, SPEED / step)
    driven = np.arange(len(track)) * step
    return [
        base(*track.positions[n], track.headings[n] + (np.pi if back else 0.0))
        for n in np.flatnonzero((driven >= first) & (driven <= last))
    ]


def base(x, y, heading):
    c, s = np.cos(heading), np.sin(heading)
    return RigidTransform(np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]]), np.array([x, y, 0.0]))


class Town:
    """Renders any place of one town; faces are lit once for each light, photos taken once."""

    def __init__(self):
        self._town = build_town(CONFIG.plan, CONFIG.seed)
        self._scenes, self._photos = {}, {}

    def photo(self, world_T_base, camera, moment, seed):
        """What a camera of the robot sees, RGB uint8 [H, W, 3]."""
        key = (world_T_base.translation.tobytes(), world_T_base.rotation.tobytes())
        key += (camera, moment, seed)
        if key not in self._photos:
            self._photos[key] = self._taken(world_T_base, camera, moment, seed)
        return self._photos[key]

    def _taken(self, world_T_base, camera, moment, seed):
        light, look, _ = moment
        seen = Lens(camera)
        world_T_camera = np.eye(4)
        placed = world_T_base @ mount_of(camera)
        world_T_camera[:3, :3], world_T_camera[:3, 3] = placed.rotation, placed.translation
        sky = Sky(light, seen.flat, CONFIG.seed).seen_from(world_T_camera)
        view = seen.bent(Renderer(self._lit(moment), seen.flat).render(world_T_camera, sky))
        sensor = chip.Sensor(look, (camera.width, camera.height))
        return sensor.expose(view, np.random.default_rng(seed))

    def _lit(self, moment):
        light, _, lap = moment
        if (light, lap) not in self._scenes:
            cars = parked_cars(CONFIG.plan, CONFIG.seed, lap)
            field, faces = LightField(self._town, cars, light), all_faces(self._town, cars)
            self._scenes[light, lap] = Scene(faces, [bake(face, field) for face in faces])
        return self._scenes[light, lap]


@dataclass(frozen=True)
class Lens:
    """The pinhole camera that is rendered, and how its picture becomes that of a camera."""

    camera: Camera

    @cached_property
    def flat(self):
        if self.camera.distortion_model != "equidistant":
            return chip.Camera(self.camera.width, self.camera.height, self.camera.intrinsics[0])
        return chip.Camera(720, 560, 200.0)

    def bent(self, picture):
        """By where a fisheye's pixels look."""
        if self.camera.distortion_model != "equidistant":
            return picture
        size = self.camera.width, self.camera.height
        grid = np.stack(np.meshgrid(*map(np.arange, size)), axis=-1).reshape(-1, 1, 2)
        k = np.array(self.camera.intrinsics).reshape(3, 3)
        bend = np.array(self.camera.distortion)
        flat = cv2.fisheye.undistortPoints(grid.astype(np.float64), k, bend)[:, 0]
        pixels = flat @ self.flat.matrix[:2, :2].T + self.flat.matrix[:2, 2]
        pixels = pixels.reshape(*size[::-1], 2).astype(np.float32)
        return cv2.remap(picture, pixels, None, cv2.INTER_LINEAR)


class Mapped:
    """A map of places whose true poses are known, and what finds poses in it."""

    def __init__(self, town, path, places, camera=FRONT, told=None, moment=DAY):
        self.town, self.places = town, places
        self._points = PointsOfFrames(SiftPoints())
        self.map = PlaceMap.create(path, SPEC)
        for n, (place, odometry) in enumerate(zip(places, told or places, strict=True)):
            frame = Frame(n * S, town.photo(place, camera, moment, n), None, camera)
            features = Features(
                np.eye(4, dtype=np.float32)[n % 4], None, self._points.to_keep(frame)
            )
            pose = None if odometry is None else odometry.as_pose("odom")
            self.map.append(Keyframe(n * S, features, pose, camera))
        self.map.commit()
        self.finder = PoseFinder(self.map, self._points, PoseConfig())

    def measured(self, places, camera=FRONT, moment=EVENING):
        """The errors of the poses that are measured at places, each matched with the nearest."""
        answers, truth = [], {}
        for n, place in enumerate(places):
            stamp_ns = 1000 * S + n * S
            truth[stamp_ns] = place.as_pose("world")
            image = self.town.photo(place, camera, moment, 1000 + n)
            answers.append(self._answer(Frame(stamp_ns, image, None, camera), place))
        known = {n * S: place.as_pose("world") for n, place in enumerate(self.places)}
        return pose_errors(answers, self.map.table.pose_of, known.get, truth.get)

    def _answer(self, frame, place):
        eye = (place @ mount_of(frame.camera)).translation
        mounts = [mount_of(self.map.camera_of(key)) for key in self.map.table.keys(range(1))]
        eyes = np.array([(each @ mounts[0]).translation for each in self.places])
        row = int(np.linalg.norm(eyes - eye, axis=1).argmin())
        candidates = (Candidate(self.map.table.record(row), 0.9),)
        accepted = Recognition(frame.stamp_ns, Verdict.ACCEPTED, "", 0.99, candidates, {})
        located = self.finder.locate(accepted, frame)
        return replace(accepted, pose=located.pose, pose_reason=located.reason)
