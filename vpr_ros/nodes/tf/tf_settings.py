# SPDX-License-Identifier: Apache-2.0
"""Whether TF can do what the settings ask of it."""

from __future__ import annotations

from vpr_ros.config import NodeConfig, TfConfig
from vpr_ros.errors import ConfigError
from vpr_ros.nodes.tf.tf2_library import load_tf2


def check_tf(config: NodeConfig) -> None:
    """See whether TF can do what the settings want, before anything is loaded.

    Raises:
        ConfigError: it cannot; the message says what to change or to install.
    """
    if config.pose_type != "tf" and not config.tf.broadcast:
        return
    _check_frames(config.tf)
    if config.tf.broadcast:
        _check_broadcast(config)
    load_tf2()


def _check_broadcast(config: NodeConfig) -> None:
    if config.mode == "map":
        raise ConfigError("tf.broadcast: mode map answers no image; use localize or slam")
    if not config.has_odometry:
        raise ConfigError(
            f"tf.broadcast needs odometry, and pose_type {config.pose_type} gives other poses or "
            "none: use odometry, or tf with tf.pose_frame odom"
        )


def _check_frames(frames: TfConfig) -> None:
    named = {
        "tf.map_frame": frames.map_frame,
        "tf.odom_frame": frames.odom_frame,
        "tf.base_frame": frames.base_frame,
    }
    for name, frame in named.items():
        if not frame or frame.startswith("/"):
            raise ConfigError(f"{name} = {frame!r}: tf2 wants a name without a slash before it")
    if len(set(named.values())) < len(named):
        raise ConfigError(f"{', '.join(named)}: three frames need three names, not {named}")
