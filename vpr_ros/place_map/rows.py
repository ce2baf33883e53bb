# SPDX-License-Identifier: Apache-2.0
"""A keyframe as the columns of its tables; what cannot be searched later is refused here."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from vpr_ros.calibration_curve import Calibration, CalibrationRecord, Tail
from vpr_ros.datatypes import (
    Camera,
    Features,
    FloatArray,
    Keyframe,
    LocalFeatures,
    ModelSpec,
    Pose,
)
from vpr_ros.errors import MapError
from vpr_ros.place_map import points_codec
from vpr_ros.place_map.codec import decode_global, decode_local, encode_global, encode_local
from vpr_ros.place_map.schema import LOCAL, POINTS

PoseColumns = tuple[float | str | None, ...]  # x, y, z, qx, qy, qz, qw, frame_id
NO_POSE: PoseColumns = (None,) * 8


@dataclass(frozen=True)
class KeyframeRow:
    """A checked keyframe, ready to be written."""

    stamp_ns: int
    pose: PoseColumns
    camera: str | None  # JSON
    thumbnail: bytes
    global_blob: bytes
    image_size: tuple[int, int]
    codec: str
    local_blobs: dict[str, bytes]  # kind -> blob; an empty one for what is also of kind LOCAL

    def codec_of(self, kind: str) -> str:
        """How features of this kind are written."""
        own = kind == POINTS and bool(self.local_blobs[kind])
        return points_codec.NAME if own else self.codec


def encode_keyframe(keyframe: Keyframe, spec: ModelSpec, codec: str) -> KeyframeRow:
    """Check a keyframe against the model that the map is made with, and encode it.

    Raises:
        MapError: A descriptor has the wrong size or a value that is not finite, or so has the pose.
    """
    check_global(keyframe.features.global_descriptor, spec)
    _check_local(keyframe.features.local, spec)
    local_blobs = {LOCAL: encode_local(keyframe.features.local, codec)}
    points = keyframe.features.points
    if points is not None and points is keyframe.features.local:
        local_blobs[POINTS] = b""
    elif points is not None:
        _check_points(points, spec)
        shape = (len(points), *points.descriptors.shape[1:])
        _check_array("descriptors of points", points.descriptors, shape, spec)
        if keyframe.features.local is not None:
            _check_same_image(points, keyframe.features)
        local_blobs[POINTS] = points_codec.encode_points(points)
    return KeyframeRow(
        stamp_ns=_check_stamp(keyframe.stamp_ns),
        pose=pose_columns(keyframe.pose),
        camera=None if keyframe.camera is None else _camera_json(keyframe.camera),
        thumbnail=bytes(keyframe.thumbnail_jpeg),
        global_blob=encode_global(keyframe.features.global_descriptor),
        image_size=_check_size(_image_size(keyframe.features)),
        codec=codec,
        local_blobs=local_blobs,
    )


def features_of_row(row: KeyframeRow) -> Features:
    """The features of a keyframe as whoever reads it will find them, read-only, without points."""
    local = decode_local(row.local_blobs[LOCAL], row.codec, row.image_size)
    return Features(decode_global(row.global_blob), local)


def _image_size(features: Features) -> tuple[int, int]:
    """One size for all kinds; without local features that of the points tells more."""
    if features.local is None and features.points is not None:
        return features.points.image_size
    return features.image_size


def _check_same_image(points: LocalFeatures, features: Features) -> None:
    if points.image_size != features.image_size:
        raise MapError(
            f"points of an image of {points.image_size} pixels beside local features of one of "
            f"{features.image_size}: both have to be of one image"
        )


def check_global(descriptor: FloatArray, spec: ModelSpec) -> None:
    """Refuse a global descriptor that is not finite numbers [D].

    Raises:
        MapError: It is not.
    """
    _check_array("global descriptor", descriptor, (spec.global_dim,), spec)


def _check_local(local: LocalFeatures | None, spec: ModelSpec) -> None:
    if local is None:
        if spec.local_dim:
            raise MapError(f"a keyframe without local features, which {spec.method} makes")
        return
    _check_points(local, spec)
    shape = (len(local), spec.local_dim)
    _check_array("local descriptors", local.descriptors, shape, spec)


def _check_points(local: LocalFeatures, spec: ModelSpec) -> None:
    count = len(local)
    _check_array("keypoints", local.keypoints, (count, 2), spec)
    _check_array("scores", local.scores, (count,), spec)


def _check_array(name: str, values: FloatArray, shape: tuple[int, ...], spec: ModelSpec) -> None:
    if values.shape != shape:
        raise MapError(
            f"{name} of shape {list(values.shape)}: {spec.method} makes {list(shape)}, "
            "use the model that the map was made with"
        )
    if not np.isfinite(values).all():
        raise MapError(f"{name} with NaN or infinite values cannot be compared: drop the image")


def _check_size(image_size: tuple[int, int]) -> tuple[int, int]:
    width, height = (int(value) for value in image_size)
    if width <= 0 or height <= 0:
        raise MapError(f"an image of {width} x {height} pixels has no features")
    return width, height


def _check_stamp(stamp_ns: int) -> int:
    stamp_ns = int(stamp_ns)
    if not -(2**63) <= stamp_ns < 2**63:
        raise MapError(f"stamp of {stamp_ns} ns does not fit 64 bits")
    return stamp_ns


def pose_columns(pose: Pose | None) -> PoseColumns:
    """Return the eight pose columns of a keyframe.

    Raises:
        MapError: The pose is not finite.
    """
    if pose is None:
        return NO_POSE
    return checked_columns((*pose.position, *pose.orientation, pose.frame_id))


def checked_columns(columns: Sequence[Any]) -> PoseColumns:
    """Return the eight pose columns of a keyframe from seven numbers and a frame.

    Raises:
        MapError: A number is not finite.
    """
    numbers = tuple(float(value) + 0.0 for value in columns[:-1])  # SQLite knows no -0.0
    if len(numbers) != 7 or not np.isfinite(numbers).all():
        raise MapError(f"pose {numbers} needs 7 finite numbers: append the keyframe without a pose")
    return (*numbers, columns[-1])


def pose_from_columns(columns: Sequence[Any]) -> Pose | None:
    """Return the pose that the eight pose columns hold, None where they are null."""
    if any(value is None for value in columns):
        return None
    x, y, z, qx, qy, qz, qw, frame_id = columns
    return Pose((x, y, z), (qx, qy, qz, qw), frame_id)


def _camera_json(camera: Camera) -> str:
    content = {
        "width": int(camera.width),
        "height": int(camera.height),
        "intrinsics": [float(value) for value in camera.intrinsics],
        "distortion_model": camera.distortion_model,
        "distortion": [float(value) for value in camera.distortion],
    }
    if camera.mount is not None:
        content["mount"] = pose_columns(camera.mount)
    content.update(
        {name: value for name in ("name", "frame_id") if (value := getattr(camera, name))}
    )
    return json.dumps(content, sort_keys=True)


def camera_from_json(text: str) -> Camera:
    """Return the camera of a row in ``cameras``.

    Raises:
        MapError: The text is not what this format writes.
    """
    known = _fields_from_json(text, Camera, mount=None, name="", frame_id="")
    mount = known.pop("mount")
    if mount is None:
        return Camera(**known)
    if not isinstance(mount, tuple) or len(mount) != len(NO_POSE):
        raise MapError(f"damaged Camera: its mount is {mount!r}")
    return Camera(**known, mount=pose_from_columns(mount))


def spec_to_json(spec: ModelSpec) -> str:
    """Return every field of the spec as JSON."""
    return json.dumps(asdict(spec), sort_keys=True)


def spec_from_json(text: str) -> ModelSpec:
    """Return the spec of a map.

    Raises:
        MapError: The text is not what this format writes.
    """
    try:
        return ModelSpec.of_fields(_parsed(text, ModelSpec))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise MapError(f"damaged ModelSpec: {error!r}") from error


def calibration_to_json(record: CalibrationRecord) -> str:
    """Return every field of a calibration as JSON."""
    return json.dumps(asdict(record), sort_keys=True)


def calibration_from_json(text: str) -> CalibrationRecord | None:
    """Return the calibration of a map, None for one with the fields of another version.

    Such a one is no damage: a calibration can always be made again.

    Raises:
        MapError: The text is no JSON.
    """
    content = _parsed(text, CalibrationRecord)
    try:
        curve = content["calibration"]
        curve["tails"] = tuple(Tail(**tail) for tail in curve["tails"])
        content["calibration"] = Calibration(**curve)
        scores = ("right", "beyond", "elsewhere", "usual", "again")
        content.update({name: tuple(content[name]) for name in scores if name in content})
        return CalibrationRecord(**content)
    except (AttributeError, KeyError, TypeError):
        return None


def _parsed(text: str, kind: type) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise MapError(f"damaged {kind.__name__}: {error}") from error


def _fields_from_json(
    text: str, kind: type[Camera] | type[ModelSpec], **absent: object
) -> dict[str, Any]:
    """The fields of a dataclass; some may be absent, and then are what is said here."""
    content = _parsed(text, kind)
    if isinstance(content, dict):
        content = {**absent, **content}
    names = {field.name for field in fields(kind)}
    if not isinstance(content, dict) or set(content) != names:
        raise MapError(f"damaged {kind.__name__}: expected the fields {', '.join(sorted(names))}")
    return {
        name: tuple(value) if isinstance(value, list) else value for name, value in content.items()
    }
