# SPDX-License-Identifier: Apache-2.0
"""``~/match_image``: the camera image beside the keyframe that it was matched with."""

from __future__ import annotations

from array import array

from sensor_msgs.msg import Image
from std_msgs.msg import Header

from vpr_ros.config import PicturesConfig
from vpr_ros.datatypes import ImageArray
from vpr_ros.errors import ImageError
from vpr_ros.images import decode_compressed, shrink
from vpr_ros.nodes.display.answered import Answered
from vpr_ros.pictures.attention import overlaid
from vpr_ros.pictures.match_picture import Sight, draw
from vpr_ros.place_map import Map
from vpr_ros.recognizer import PlaceRecognizer
from vpr_ros.rerankers.matches import Matches


class Gathered:
    """What a picture needs of the map, which only the thread that answers may ask."""

    def __init__(self, answered: Answered, recognizer: PlaceRecognizer, searched: Map) -> None:
        """Look up the first candidate.

        A map keeps no images but thumbnails: whole ones would make it a hundred times larger.

        Raises:
            MapError: the map's file became unreadable.
        """
        self.points: Matches | None = None
        self.thumbnail = b""
        if answered.recognition.candidates:
            first = answered.recognition.candidates[0]
            self.points = _pose_points(answered) or recognizer.matches(answered.query, first)
            self.thumbnail = searched.thumbnail(first.keyframe.key)


def match_image(answered: Answered, gathered: Gathered, config: PicturesConfig) -> Image:
    """The picture as a message, with the header of the image that was answered."""
    query = shrink(answered.image, config.max_side)
    if config.attention:
        query = overlaid(query, answered.query.local)
    match = _decoded(gathered.thumbnail)
    sight = Sight(query, match, gathered.points, answered.recognition)
    return image_message(draw(sight, config.max_side), answered.message.header)


def image_message(image: ImageArray, header: Header) -> Image:
    """An RGB image as a message."""
    height, width = image.shape[:2]
    message = Image(header=header, height=height, width=width, encoding="rgb8", step=3 * width)
    # An array of bytes is taken over as it is; of anything else every byte would be checked.
    message.data = array("B", image.tobytes())
    return message


def _pose_points(answered: Answered) -> Matches | None:
    """The points that a measured pose rests on, as far as the matched keyframe shows them.

    None without any: what agrees with a homography then says more than nothing.
    """
    pose = answered.recognition.pose
    if pose is None or not len(pose.match_points):
        return None
    return Matches(pose.query_points, pose.match_points)


def _decoded(thumbnail: bytes) -> ImageArray | None:
    try:
        return decode_compressed(thumbnail) if thumbnail else None
    except ImageError:  # a picture without it says more than none
        return None
