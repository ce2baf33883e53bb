# SPDX-License-Identifier: Apache-2.0
"""What ``evaluate`` runs on: recordings, a map, a published data set, or folders of images."""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from functools import partial

from vpr_ros.cli.options import add_list, add_option, assigned
from vpr_ros.errors import ConfigError
from vpr_ros.evaluation.drive import Drive
from vpr_ros.evaluation.judge import Limits
from vpr_ros.evaluation.protocols import PROTOCOLS, read_set
from vpr_ros.evaluation.protocols.bag_set import BagOptions, read_bag_set
from vpr_ros.evaluation.protocols.map_set import read_map_set
from vpr_ros.evaluation.retrieval_set import RetrievalSet

_ANY = "any"
_NONE = "none"
_DEFAULTS = BagOptions()
_LIMITS = Limits()


def add_source(parser: argparse.ArgumentParser) -> None:
    """Declare the options that say what to run on, and what is right there."""
    bags = parser.add_argument_group("recordings")
    add = partial(add_option, bags)
    add("--map-bag", "BAG", "what is searched")
    add("--query-bag", "BAG", "what is looked for (default: loops)")
    text = "search this map (*.vprmap); --map-bag then only tells where its keyframes were"
    add("--map", "FILE", text)
    bags.add_argument("--image-topic", default="", metavar="TOPIC")
    text = f"poses that the mapper hears (default: the only ones); '{_NONE}' for none"
    add("--odometry-topic", "TOPIC", text, "")
    text = "true poses: a topic, tf:TARGET:SOURCE, tum:FILE, kitti:POSES[:TIMES] (default: the "
    add("--truth", "SOURCE", text + "topic called ground_truth, or the only one)", "")
    add("--query-truth", "SOURCE", "of the query bag", "")
    add("--distance", "M", "meters within which an image is right", _DEFAULTS.max_distance)
    heading = f"{math.degrees(_DEFAULTS.max_angle or math.pi):g}"
    text = f"degrees that both may look apart, or '{_ANY}' (default: %(default)s)"
    add("--heading", "DEG", text, heading)
    text = "meters within which an accepted match is right"
    add("--right-distance", "M", text, _LIMITS.right_distance)
    text = "least seconds between images"
    bags.add_argument("--interval", type=float, default=0.0, metavar="S", help=text)
    add("--recent", "S", "loops: seconds before an image that are none", _DEFAULTS.recent_s)
    sets = parser.add_argument_group("data sets and folders")
    sets.add_argument("--dataset", choices=list(PROTOCOLS), metavar="NAME", help="listed below")
    add_option(sets, "--folder", "DIR", "where it is")
    text = "of the data set; may be given several times"
    add_list(sets, "--option", "options", "NAME=VALUE", text)


def sets_listed() -> list[str]:
    """One line for each data set, and one for each of its options."""
    lines = ["data sets:"]
    for name, protocol in PROTOCOLS.items():
        lines.append(f"  {name:20} {protocol.summary}")
        for option, known in protocol.options.items():
            lines.append(f"    {option:18} {known.help} (default: {known.default!s:.30})")
    return lines


def read_source(args: argparse.Namespace) -> RetrievalSet:
    """The data set that the options name; no image is read yet.

    Raises:
        ConfigError: the options do not say what to run on, or contradict each other.
        DatasetError: it cannot be read.
        MapError: the map cannot be read.
    """
    if args.dataset:
        _refuse(args, ("map_bag", "query_bag", "map"), "--dataset")
        if args.folder is None:
            raise ConfigError(f"--dataset {args.dataset}: say where it is with --folder")
        return read_set(args.dataset, args.folder, **assigned(args.options, "--option"))
    _refuse(args, ("folder", "options"), "recordings")
    if args.map is not None:
        if args.query_bag is None:
            raise ConfigError("--map: name the recording to look for with --query-bag")
        return read_map_set(args.map, args.query_bag, _bag_options(args), args.map_bag)
    if args.map_bag is None:
        raise ConfigError(
            "nothing to run on: name --map-bag and --query-bag, or --map and --query-bag, or "
            "--dataset and --folder"
        )
    return read_bag_set(args.map_bag, args.query_bag, _bag_options(args))


def drives_of(args: argparse.Namespace) -> tuple[Drive | None, Drive] | None:
    """The recordings to map and to localize; None where there are not two."""
    if args.query_bag is None:
        return None
    odometry = None if args.odometry_topic == _NONE else args.odometry_topic
    mapped = args.map_bag if args.map is None else None
    query = Drive(args.query_bag, args.image_topic, odometry)
    return (Drive(mapped, args.image_topic, odometry) if mapped else None), query


def limits_of(args: argparse.Namespace) -> Limits:
    """What the verdicts are judged by: a map shows no place that retrieval takes for another."""
    positive = min(_LIMITS.positive_distance, args.distance)
    return Limits(positive, _LIMITS.positive_angle, args.right_distance)


def _bag_options(args: argparse.Namespace) -> BagOptions:
    return BagOptions(
        image_topic=args.image_topic,
        truth=args.truth,
        query_truth=args.query_truth,
        max_distance=args.distance,
        max_angle=None if args.heading == _ANY else _radians(args.heading),
        min_interval=args.interval,
        recent_s=args.recent,
    )


def _radians(text: str) -> float:
    try:
        return math.radians(float(text))
    except ValueError:
        raise ConfigError(f"--heading {text}: write degrees, or '{_ANY}'") from None


def _refuse(args: argparse.Namespace, names: Sequence[str], other: str) -> None:
    for name in names:
        if getattr(args, name):
            option = {"options": "option"}.get(name, name).replace("_", "-")
            raise ConfigError(f"--{option} does not go together with {other}")
