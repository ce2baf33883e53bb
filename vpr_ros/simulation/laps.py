# SPDX-License-Identifier: Apache-2.0
"""The two laps of the simulated drive, as streams of rendered frames."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from vpr_ros.errors import ConfigError
from vpr_ros.simulation.camera import DIM, SHARP, Camera, Sensor, SensorLook, camera_pose
from vpr_ros.simulation.geometry import FloatArray, Image
from vpr_ros.simulation.light import DAYLIGHT, DUSK, LightField, Lighting, Sky, bake
from vpr_ros.simulation.plan import PARKING_M, SIDEWALK_M, Point, TownPlan, Trajectory, drive_along
from vpr_ros.simulation.renderer import Renderer, Scene
from vpr_ros.simulation.street import Town, all_faces, parked_cars

SECOND_NS = 1_000_000_000
MAP_START_NS = 1_717_250_400 * SECOND_NS  # 1 June 2024, 14:00 UTC
QUERY_START_NS = MAP_START_NS + 7 * 3600 * SECOND_NS


@dataclass(frozen=True)
class DriveConfig:
    """The numbers of a simulated drive."""

    plan: TownPlan = field(default_factory=TownPlan)  # where the streets run
    speed: float = 5.5  # meters per second, the same everywhere
    rate_hz: float = 5.0  # frames per second
    image_width: int = 480  # pixels
    image_height: int = 320  # pixels
    field_of_view: float = 1.4  # of the camera, from the left to the right edge, radians
    camera_height: float = 1.5  # meters above the road
    lane: float = -1.2  # meters left of the middle of the street at which lap one is driven
    beside: float = 1.0  # how far left of lap one lap two is driven, meters
    jpeg_quality: int = 90  # 1 to 100
    seed: int = 7  # of everything that is left to chance: houses, cars, noise, drift

    def __post_init__(self) -> None:
        """Raises ConfigError for numbers that no drive can have, with the value and the limit."""
        for name in ("speed", "rate_hz", "image_width", "image_height", "camera_height"):
            if getattr(self, name) <= 0:
                raise ConfigError(f"{name} must be above 0, not {getattr(self, name):g}")
        if not 0.1 <= self.field_of_view <= 2.6:
            raise ConfigError(f"field_of_view must be 0.1 to 2.6 rad, not {self.field_of_view:g}")
        room = self.plan.half_street - SIDEWALK_M - PARKING_M - 0.8
        if max(abs(self.lane), abs(self.lane + self.beside)) > room:
            raise ConfigError(
                f"lanes at {self.lane:g} and {self.lane + self.beside:g} m run into parked cars; "
                f"streets this narrow allow {room:.1f} m from their middle"
            )

    @property
    def camera(self) -> Camera:
        """The camera of both laps."""
        focal = self.image_width / 2 / float(np.tan(self.field_of_view / 2))
        return Camera(self.image_width, self.image_height, focal)


def small_drive() -> DriveConfig:
    """A drive around a small block in small pictures, for tests: some seconds to render."""
    plan = TownPlan(length=25.0, width=18.0, detour=20.0, half_street=5.7)
    return DriveConfig(plan=plan, rate_hz=2.5, image_width=320, image_height=240)


@dataclass(frozen=True)
class Lap:
    """One time around the town."""

    index: int  # 0 for the map, 1 for the query; decides about cars and noise
    start_ns: int  # stamp of the first frame, nanoseconds since 1970
    corners: tuple[Point, ...]  # what it drives through, meters in the map frame
    left: float  # offset to the left of the middle of the street, meters
    lighting: Lighting  # the time of day
    look: SensorLook  # the state of the camera

    def trajectory(self, config: DriveConfig) -> Trajectory:
        """The poses of the lap's frames."""
        return drive_along(self.corners, self.left, config.speed, config.rate_hz)


def map_lap(config: DriveConfig) -> Lap:
    """Lap one: around the block in daylight."""
    corners = tuple(config.plan.map_lap())
    return Lap(0, MAP_START_NS, corners, config.lane, DAYLIGHT, SHARP)


def query_lap(config: DriveConfig) -> Lap:
    """Lap two: beside lap one at dusk, with a detour through streets that lap one never saw."""
    corners = tuple(config.plan.query_lap())
    return Lap(1, QUERY_START_NS, corners, config.lane + config.beside, DUSK, DIM)


class Film:
    """Renders a lap, frame by frame."""

    def __init__(self, config: DriveConfig, town: Town, lap: Lap) -> None:
        """Park the cars and let the light fall on everything."""
        cars = parked_cars(config.plan, config.seed, lap.index)
        light, faces = LightField(town, cars, lap.lighting), all_faces(town, cars)
        self._config, self._lap, camera = config, lap, config.camera
        self._renderer = Renderer(Scene(faces, [bake(face, light) for face in faces]), camera)
        self._sky = Sky(lap.lighting, camera, config.seed + lap.index)
        self._sensor = Sensor(lap.look, camera.size)
        self.trajectory = lap.trajectory(config)

    def frames(self) -> Iterator[Image]:
        """The pictures in the order of the trajectory, RGB uint8 [H, W, 3]."""
        return (self.frame(index) for index in range(len(self.trajectory)))

    def frame(self, index: int) -> Image:
        """The picture at one pose of the trajectory, with noise of its own, uint8 [H, W, 3]."""
        rng = np.random.default_rng([self._config.seed, 3, self._lap.index, index])
        track = self.trajectory
        view = self.view(track.positions[index], float(track.headings[index]))
        return self._sensor.expose(view, rng)

    def view(self, position: FloatArray, heading: float) -> Image:
        """What an ideal camera sees from a place [2] (meters), uint8 [H, W, 3]."""
        map_T_camera = camera_pose(position, heading, self._config.camera_height)
        return self._renderer.render(map_T_camera, self._sky.seen_from(map_T_camera))
