# SPDX-License-Identifier: Apache-2.0
"""The one door to ``tf2_ros``, which only those who ask for TF need."""

from __future__ import annotations

import os
from typing import Any

from vpr_ros.errors import ConfigError


def load_tf2() -> Any:
    """The module ``tf2_ros``.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        import tf2_ros
    except ImportError as error:
        package = f"ros-{os.environ.get('ROS_DISTRO', '$ROS_DISTRO')}-tf2-ros-py"
        raise ConfigError(
            f"pose_type tf and tf.broadcast need tf2_ros, which is missing ({error}): "
            f"sudo apt install {package}"
        ) from error
    return tf2_ros
