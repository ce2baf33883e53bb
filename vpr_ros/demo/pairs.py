# SPDX-License-Identifier: Apache-2.0
"""Which frames a person should see beside their matches, and their images."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from vpr_ros.datatypes import ImageArray, KeyframeKey, Verdict
from vpr_ros.demo.drives import Drive
from vpr_ros.demo.sightings import Sighting, is_right
from vpr_ros.drives.bag_file import BagFile
from vpr_ros.drives.bag_messages import image_of, stamp_of
from vpr_ros.drives.flaws import log_error
from vpr_ros.errors import ImageError
from vpr_ros.evaluation.judge import Truth
from vpr_ros.images import decode_compressed
from vpr_ros.place_map import PlaceMap


@dataclass(frozen=True)
class Pair:
    """A query image and the keyframe that the localizer held it for, or took it to resemble."""

    sighting: Sighting
    query: ImageArray | None  # RGB, uint8 [H, W, 3]; None where the bag did not give it
    match: ImageArray | None


def choose(sightings: Sequence[Sighting], truth: Truth | None, count: int) -> list[Sighting]:
    """Some frames of every kind, spread over the drive, in its order.

    Args:
        sightings: In the order of the drive.
        truth: The true trajectories, None if not known.
        count: How many to choose.
    """
    wrong = [one for one in sightings if is_right(one, truth) is False]
    by_verdict = {
        verdict: [one for one in sightings if one.verdict is verdict and one not in wrong]
        for verdict in Verdict
    }
    chosen = _spread(wrong, 2) + _spread(by_verdict[Verdict.AMBIGUOUS], 1)
    chosen += _spread(by_verdict[Verdict.UNKNOWN], max(1, count // 4))
    chosen += _spread(by_verdict[Verdict.ACCEPTED], count - len(chosen))
    return sorted(chosen[:count], key=lambda one: one.stamp_ns)


def read_stamps_and_images(
    drive: Drive, wanted: Collection[int]
) -> tuple[list[int], dict[int, ImageArray]]:
    """The stamps of all images of a drive, and the images with the wanted stamps.

    Raises:
        DatasetError: the bag is damaged.
    """
    stamps: list[int] = []
    images: dict[int, ImageArray] = {}
    bag = BagFile(drive.bag)
    try:
        for log_ns, message in bag.messages(drive.image, log_error):
            stamp_ns = stamp_of(message, log_ns)
            stamps.append(stamp_ns)
            if stamp_ns in wanted and (image := _image(message)) is not None:
                images[stamp_ns] = image
    finally:
        bag.close()
    return stamps, images


def with_images(
    chosen: Sequence[Sighting], queries: dict[int, ImageArray], map_path: Path
) -> list[Pair]:
    """The chosen frames with their images and the thumbnails that the map keeps.

    Raises:
        MapError: the map cannot be read.
    """
    with PlaceMap.open(map_path) as place_map:
        return [
            Pair(one, queries.get(one.stamp_ns), _thumbnail(place_map, one.keyframe_id))
            for one in chosen
        ]


def _spread(sightings: Sequence[Sighting], count: int) -> list[Sighting]:
    """Up to ``count`` of them, evenly far apart."""
    count = min(count, len(sightings))
    return [sightings[(2 * i + 1) * len(sightings) // (2 * count)] for i in range(count)]


def _image(message: object) -> ImageArray | None:
    try:
        return image_of(message)
    except ImageError as error:
        log_error(error)
        return None


def _thumbnail(place_map: PlaceMap, keyframe_id: int | None) -> ImageArray | None:
    jpeg = (
        b""
        if keyframe_id is None
        else place_map.thumbnail(KeyframeKey(place_map.uuid, keyframe_id))
    )
    return decode_compressed(jpeg) if jpeg else None
