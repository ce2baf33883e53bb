# SPDX-License-Identifier: Apache-2.0
"""A simulated drive through a small town, with ground truth: data where there is none yet.

The way in:

    write_drive(Path("build/drive"))                    the drive of the demonstration
    write_drive(Path("build/small"), small_drive())     a short one for tests
"""

from vpr_ros.simulation.drive import DriveBags, write_drive
from vpr_ros.simulation.laps import DriveConfig, small_drive

__all__ = ["DriveBags", "DriveConfig", "small_drive", "write_drive"]
