# SPDX-License-Identifier: Apache-2.0
"""SLAM and navigation stacks, and the frames that robots share with them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from vpr_ros.config.setting import setting

# Name of the setting and of the file in nodes/slam/ -> the adapter in that file.
SLAM_STACKS = {
    "nav2_amcl": "Nav2Amcl",
    "slam_toolbox": "SlamToolbox",
    "robot_localization": "RobotLocalization",
    "isaac_vgl": "IsaacVgl",
    "rtabmap": "Rtabmap",
    "lio_sam": "LioSam",
    "hydra": "Hydra",
    "swarm_slam": "SwarmSlam",
}


@dataclass(frozen=True)
class RtabmapConfig:
    """RTAB-Map, which is told of loop closures as links between its own nodes."""

    stamp_tolerance: float = setting(
        0.01,
        "Seconds between an image and the RTAB-Map node that is taken for it; the motion in "
        "between is not in the link",
        within=(1e-5, 1.0),
    )
    confirm_timeout: float = setting(
        10.0, "Seconds until a link must show in mapGraph; then it is sent once more", minimum=0.1
    )


@dataclass(frozen=True)
class LioSamConfig:
    """LIO-SAM, which registers the scans of a loop closure itself."""

    min_separation: float = setting(
        30.0, "LIO-SAM's historyKeyframeSearchTimeDiff: it ignores closures of less", minimum=0.0
    )


@dataclass(frozen=True)
class HydraConfig:
    """Hydra and Kimera, whose pose graphs name poses by robot and stamp."""

    hold: float = setting(
        15.0,
        "Seconds that a closure is held, until the pose graph holds both of its poses",
        within=(0.0, 600.0),
    )
    robot_id: int = setting(0, "This robot's number in the pose graph", within=(0, 1000))


@dataclass(frozen=True)
class SwarmSlamConfig:
    """Swarm-SLAM, which registers the keyframes of a loop closure itself."""

    stamp_tolerance: float = setting(
        0.5,
        "Seconds between an image and the Swarm-SLAM keyframe that is taken for it",
        within=(1e-5, 10.0),
    )


@dataclass(frozen=True)
class SlamConfig:
    """What SLAM and navigation stacks are told, and how."""

    adapters: tuple[str, ...] = setting((), "Stacks to speak to", choices=tuple(SLAM_STACKS))
    initial_pose: str = setting(
        "once",
        "When a pose that resets a stack is sent. once: after activation and whenever asked; "
        "request: only when asked; always: with every accepted match; never: not even when asked. "
        "But for never, also when the stack's own pose disagrees with the matches",
        choices=("once", "request", "always", "never"),
    )
    disagreements: int = setting(
        5,
        "Accepted matches in a row that must contradict the pose of nav2_amcl or slam_toolbox, and "
        "bear each other out, until it is sent one of theirs; so many again, and it is lost",
        within=(2, 100),
    )
    frame: str = setting(
        "",
        "Frame named in the poses sent, if it is the same as that of the map's poses under "
        "another name; empty: as recorded",
    )
    position_sigma: float = setting(
        0.0,
        "Standard deviation in meters of a pose that only names a place; 0: half of "
        "decision.place_radius",
        within=(0.0, 10000.0),  # its square must pass Nav2's check, which refuses more than 1e9
    )
    heading_sigma: float = setting(
        0.5,
        "Standard deviation in radians about each axis of a pose that only names a place",
        within=(0.01, math.pi),
    )
    patience: float = setting(
        10.0,
        "Seconds that a closure waits for a stack to know both of its images",
        within=(0.0, 600.0),
    )
    rtabmap: RtabmapConfig = field(default_factory=RtabmapConfig)
    lio_sam: LioSamConfig = field(default_factory=LioSamConfig)
    hydra: HydraConfig = field(default_factory=HydraConfig)
    swarm_slam: SwarmSlamConfig = field(default_factory=SwarmSlamConfig)


@dataclass(frozen=True)
class TfConfig:
    """The robot's frames, named as REP 105 does, and the transforms between them."""

    map_frame: str = setting("map", "Frame of the map's poses, in which the robot may jump")
    odom_frame: str = setting("odom", "Frame of the odometry, in which the robot never jumps")
    base_frame: str = setting(
        "base_link",
        "The robot's body: its poses are those of the map and those that stacks estimate, and its "
        "cameras are found in /tf_static",
    )
    pose_frame: str = setting(
        "odom",
        "Where pose_type tf takes the poses of base_frame. odom: in odom_frame, as odometry; "
        "map: in map_frame, as somebody else localizes the robot, which is no odometry",
        choices=("odom", "map"),
    )
    broadcast: bool = setting(
        False,
        "Send map_frame to odom_frame from the first accepted match on; a match names a place: "
        "the transform is only as exact as decision.place_radius. Needs odometry",
    )
    broadcast_period: float = setting(
        0.05, "Seconds between two transforms that are sent", within=(0.001, 10.0)
    )
    transform_tolerance: float = setting(
        0.2,
        "Seconds that a transform is stamped ahead, to be good until the next one is there",
        within=(0.0, 10.0),
    )

    @property
    def frame_of_poses(self) -> str:
        """The frame that ``pose_frame`` names."""
        return self.odom_frame if self.pose_frame == "odom" else self.map_frame
