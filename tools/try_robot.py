# SPDX-License-Identifier: Apache-2.0
"""Whether a robot's environment is whole: ``vpr`` maps and localizes, every node can be used.

Usage: ``PYTHON tools/try_robot.py [SETTING=VALUE ...]``, with the settings of ``vpr --set``. The
drive is views of one picture. Where vpr_msgs is built, the nodes are started and activated with
the drive's map; without it they are imported, and left out where there is no rclpy. Prints a line
for each thing that is tried; the exit code is 1 where one fails.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import subprocess
import sys
import tempfile
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

SIZE, STEP, COUNT = (320, 240), 40, 24  # of the views (width, height), in pixels


def write_views(folder: Path) -> None:
    """Write views of a picture, from its left to its right, as a drive."""
    import cv2

    picture = cv2.imread(str(ROOT / "docs" / "report.jpg"))
    (width, height), last = SIZE, picture.shape[1] - SIZE[0]
    folder.mkdir()
    for number in range(COUNT):
        left = min(number * STEP, last)
        view = picture[300 : 300 + height, left : left + width]
        cv2.imwrite(str(folder / f"{number:04d}.png"), view)


def vpr(*words: str) -> bool:
    """Run a verb and say how it went."""
    command = [sys.executable, "-m", "vpr_ros", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    say(done.returncode == 0, f"vpr {' '.join(words)}", done.stderr[-2000:])
    return done.returncode == 0


def map_and_localize(folder: Path, settings: list[str]) -> bool:
    """Learn a drive and find its images again."""
    options = [word for setting in settings for word in ("--set", setting)]
    drive, place_map = folder / "drive", str(folder / "route.vprmap")
    write_views(drive)
    return vpr("map", str(drive), "-o", place_map, *options) and vpr(
        "localize", str(drive), "--map", place_map, *options
    )


def use_nodes(folder: Path, settings: list[str]) -> bool:
    """Start the nodes where messages are built for them, otherwise import them."""
    if importlib.util.find_spec("rclpy") is None:
        say(True, "no rclpy here: the nodes are left out")
        return True
    messages = importlib.util.find_spec("vpr_msgs")
    if messages is None or messages.origin is None:  # the folder of their sources is no package
        stand_in_for_messages()
        return import_nodes()
    return import_nodes() and start_nodes(folder, settings)


def start_nodes(folder: Path, settings: list[str]) -> bool:
    """Take every node through its states, as a process of its own."""
    import rclpy

    from vpr_ros.demo.lifecycle_process import LifecycleProcess, NodeCommand

    rclpy.init(args=[])
    good = True
    for kind in ("mapper", "localizer"):
        values = {"map_path": str(folder / "route.vprmap"), "pose_type": "none"}
        values |= dict(setting.split("=", 1) for setting in settings)
        command = NodeCommand(f"vpr_ros.nodes.{kind}_node", kind, values)
        try:
            with LifecycleProcess(command, folder / f"{kind}.log") as process:
                process.configure()
                process.activate()
                process.deactivate()
                process.shutdown()
            say(True, f"start, configure and activate the {kind}")
        except Exception as error:
            say(False, f"start, configure and activate the {kind}", str(error))
            good = False
    rclpy.try_shutdown()
    return good


def import_nodes() -> bool:
    """Import every module of the nodes; the launch files' only where launch is."""
    nodes = importlib.import_module("vpr_ros.nodes")
    names = [each.name for each in pkgutil.walk_packages(nodes.__path__, "vpr_ros.nodes.")]
    if importlib.util.find_spec("launch_ros") is None:
        names.remove("vpr_ros.nodes.launching")
    return all([imported(name) for name in names])


def imported(name: str) -> bool:
    """Import a module and say so where that fails."""
    try:
        importlib.import_module(name)
    except Exception as error:
        say(False, f"import {name}", repr(error))
        return False
    say(True, f"import {name}")
    return True


def stand_in_for_messages() -> None:
    """Empty classes for the messages, which are not built here: enough to import what uses them."""
    for kind in ("msg", "srv"):
        module = ModuleType(f"vpr_msgs.{kind}")
        for path in (ROOT / "vpr_msgs" / kind).glob(f"*.{kind}"):
            setattr(module, path.stem, type(path.stem, (), {}))
        sys.modules[module.__name__] = module
    sys.modules["vpr_msgs"] = ModuleType("vpr_msgs")


def say(good: bool, what: str, why: str = "") -> None:
    """Print one line, and the reason where something failed."""
    sys.stdout.write(f"{'ok    ' if good else 'FAILED'} {what}\n{why if not good else ''}")
    sys.stdout.flush()


def main(settings: list[str]) -> int:
    """Try everything; return the exit code."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tried = vpr("--help"), map_and_localize(folder, settings), use_nodes(folder, settings)
    return 0 if all(tried) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
