# SPDX-License-Identifier: Apache-2.0
"""Write ``docs/topics.md``: what the nodes hear, tell and serve, by asking them.

Usage: ``tools/env.sh python tools/generate_topics.py``; with ``--check`` it writes nothing and ends
with 1 if the page is out of date. A topic or service without a meaning in the tables below is an
error, and so is a meaning that nothing has.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

import rclpy  # noqa: E402

from vpr_ros.config import LOCALIZE, MAP, MODES, SLAM, MapperConfig, with_settings  # noqa: E402
from vpr_ros.nodes.inputs import Inputs  # noqa: E402
from vpr_ros.nodes.localizer_node import localizer  # noqa: E402
from vpr_ros.nodes.mapper_node import mapper  # noqa: E402
from vpr_ros.nodes.place_node import PlaceNode  # noqa: E402

PAGE = Path("docs/topics.md")
COMMAND = "tools/env.sh python tools/generate_topics.py"
NAMESPACE = "/robot"

# Settings that make a node hear something else.
OPTIONS: dict[str, dict[str, Any]] = {
    "": {},
    "`image_transport: compressed`": {"image_transport": "compressed"},
    "`pose_type: pose`": {"pose_type": "pose"},
    "`pose_type: pose_with_covariance`": {"pose_type": "pose_with_covariance"},
    "`sequence.mode: filter`": {"sequence.mode": "filter"},
    "`tf.broadcast: true`": {"tf.broadcast": True},
}
# What hangs on packages that a robot may lack is told in words instead: TF.
OF_TF = "/tf"
HEARD = {
    "image": "the camera: rgb8, bgr8, rgba8, bgra8, mono8, mono16, 16-bit color, bayer, yuv422; "
    "the newest image wins",
    "image/compressed": "the same as JPEG or PNG",
    "camera_info": "intrinsics, kept in the map; sought beside the images, as image_transport has "
    "it, unless remapped",
    "odom": "the robot's odometry, interpolated to the image's stamp",
    "pose": "poses of another source, likewise",
    "corrected_path": "better poses of this drive, by their stamps: a SLAM's optimized trajectory",
}
TOLD = {
    "~/place_match": "the answer to an image, with its stamp; modes `localize` and `slam`",
    "~/loop_closure": "a keyframe that shows an earlier one's place; modes `map` and `slam`",
    "~/timings": "seconds that each stage of an image took *",
    "~/match_image": "the image beside the keyframe it was matched with, matched points joined, "
    "verdict and reason below *",
    "~/markers": "keyframes and paths of the map, the belief or the candidates, the accepted "
    "match, the measured pose and its covariance; who comes late gets the last ones *",
    "/diagnostics": "once a second: rates, lost and failed images, latency of the stages, backend, "
    "map, last error, how often it did not localize, and why",
}
SERVED = {
    "~/get_map_info": "what the map in use holds, and its id",
    "~/query_place": "one image in, one answer out; leaves the sequence filter alone",
    "~/load_map": "use another map; if it is refused, the old one stays",
    "~/save_map": "make everything durable now; with a path, write a compact copy",
    "~/trigger": "answer the next image, with `answer: on_request`",
    "~/save_record": "keep the last answered image with its answer",
}
# Whose messages and services every node has, or every lifecycle node.
COMMON = ("rcl_interfaces/", "type_description_interfaces/", "lifecycle_msgs/")

HEAD = """\
<!-- SPDX-License-Identifier: Apache-2.0 -->
# Topics and services

`mapper` and `localizer` are one node with another default of `mode`. Names are relative: remap
them, or run the node in a namespace; `~` is the node's own name. [ROS](ros.md) says how they
are used.

Made from the nodes by `tools/generate_topics.py`: do not edit it here.

## What a node hears

| topic | type | `map` | `slam` | `localize` | |
|---|---|---|---|---|---|
"""
AFTER_HEARD = """
`cameras` lists topics in place of `image`. `/tf_static` tells where cameras sit on the robot, if
tf2_msgs is installed; with `pose_type: tf`, `/tf` gives the poses, and needs tf2_ros.

## What a node tells

| topic | type | |
|---|---|---|
"""
AFTER_TOLD = """
Those marked * are made only while somebody subscribes. With `tf.broadcast: true`, `map -> odom` is
sent on `/tf`. The stacks of `slam.adapters` have
[topics of their own](ros.md#slam-and-navigation-stacks).

## Services

| service | type | |
|---|---|---|
"""

Row = tuple[str, str]  # name and type


def page() -> str:
    """The whole page.

    Raises:
        KeyError: something has no meaning here, or a meaning has nothing.
    """
    rclpy.init(args=["--ros-args", "-r", f"__ns:={NAMESPACE}", "--log-level", "warn"])
    nodes = [mapper(), localizer()]
    try:
        told, served = (_same([rows(node) for node in nodes]) for rows in (_told, _served))
        heard = _heard(nodes[0])
    finally:
        for node in nodes:
            node.destroy_node()
        rclpy.try_shutdown()
    return (
        HEAD
        + "".join(_lines(HEARD, heard))
        + AFTER_HEARD
        + "".join(_lines(TOLD, dict.fromkeys(told, ())))
        + AFTER_TOLD
        + "".join(_lines(SERVED, dict.fromkeys(served, ())))
    )


def main() -> int:
    """Write the page, or compare it."""
    text, path = page(), ROOT / PAGE
    if "--check" in sys.argv[1:]:
        return int(path.read_text("utf-8") != text)
    path.write_text(text, "utf-8")
    sys.stdout.write(f"{PAGE}\n")
    return 0


def _heard(node: PlaceNode) -> dict[Row, tuple[str, ...]]:
    """Name and type -> in which mode it is heard, and with which settings."""
    cells: dict[Row, dict[str, list[str]]] = {}
    for mode in MODES:
        for words, settings in OPTIONS.items():
            for row in _subscriptions(node, {"mode": mode, **settings}):
                cells.setdefault(row, {}).setdefault(mode, []).append(words)
    return {
        row: tuple(_cell(by_mode.get(mode, [])) for mode in (MAP, SLAM, LOCALIZE))
        for row, by_mode in cells.items()
    }


def _cell(options: list[str]) -> str:
    """Heard by default, or with any of these settings."""
    if not options:
        return ""
    return "yes" if "" in options else "with " + " or ".join(options)


def _subscriptions(node: PlaceNode, settings: dict[str, Any]) -> list[Row]:
    before = set(node.subscriptions)
    inputs = Inputs(node, with_settings(MapperConfig(), settings))
    try:
        inputs.start(lambda _: None, lambda _: None)
        return [
            (_relative(node, each.topic_name), _type(each.msg_type))
            for each in node.subscriptions
            if each not in before and not each.topic_name.startswith(OF_TF)
        ]
    finally:
        inputs.close()


def _told(node: PlaceNode) -> list[Row]:
    rows = [(_relative(node, each.topic_name), _type(each.msg_type)) for each in node.publishers]
    return _own(rows)


def _served(node: PlaceNode) -> list[Row]:
    rows = [(_relative(node, each.srv_name), _type(each.srv_type)) for each in node.services]
    return _own(rows)


def _own(rows: list[Row]) -> list[Row]:
    return [row for row in rows if not row[1].startswith(COMMON)]


def _same(tables: list[list[Row]]) -> list[Row]:
    """What all nodes have, which must be the same."""
    first, *others = tables
    if any(set(first) != set(other) for other in others):
        raise KeyError(f"mapper and localizer differ: {tables}")
    return first


def _relative(node: PlaceNode, name: str) -> str:
    """A full name as it stands in the code."""
    own = f"{NAMESPACE}/{node.get_name()}/"
    if name.startswith(own):
        return f"~/{name[len(own) :]}"
    return name.removeprefix(f"{NAMESPACE}/")


def _type(kind: type) -> str:
    package, _, _ = kind.__module__.partition(".")
    return f"{package}/{kind.__name__}"


def _lines(meanings: dict[str, str], rows: dict[Row, tuple[str, ...]]) -> Iterator[str]:
    """The rows of a table in the order of the meanings."""
    names = {name for name, _ in rows}
    if names != set(meanings):
        raise KeyError(f"without a row or a meaning: {sorted(names ^ set(meanings))}")
    for name, kind in sorted(rows, key=lambda row: (list(meanings).index(row[0]), row[1])):
        cells = (f"`{name}`", f"`{kind}`", *rows[name, kind], meanings[name])
        yield f"| {' | '.join(cells)} |\n"


if __name__ == "__main__":
    sys.exit(main())
