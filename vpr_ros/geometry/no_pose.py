# SPDX-License-Identifier: Apache-2.0
"""Why images have no pose: one cause for each image, and the words for many of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

NONE, FAR, EARLY, LATE, SPARSE, FRAME = "none", "far", "early", "late", "sparse", "frame"

_WORDS = {
    NONE: "no pose came",
    FAR: "no pose within {gap:g} s of the image: the nearest is {seconds} s away",
    EARLY: "the first pose comes {seconds} s after the image",
    LATE: "the newest pose is {seconds} s older than the image",
    SPARSE: "the poses around the image are {seconds} s apart, more than {gap:g} s",
    FRAME: "the frame changed from {frames[0]!r} to {frames[1]!r} around the image",
}


@dataclass(frozen=True)
class NoPose:
    """Why there is no pose at the stamp of an image."""

    stamp_ns: int
    cause: str  # one of the above, or another one that brings its words
    max_gap: float = 0.0  # seconds between two poses that would have been interpolated
    seconds: float = 0.0  # away or apart, as the cause has it
    frames: tuple[str, str] = ("", "")  # of the poses before and after it
    poses_ns: tuple[int, int] = (0, 0)  # stamps of the first and the last pose
    words: str = ""


def in_words(missing: Sequence[NoPose], is_all: bool = False) -> str:
    """The causes of a drive's images without pose, the most frequent one first, with counts.

    Args:
        missing: one for each such image.
        is_all: whether no other image has a pose: then its clock may be another one.
    """
    groups: dict[tuple[str, tuple[str, str]], list[NoPose]] = {}
    for one in missing:
        groups.setdefault((one.cause, one.frames), []).append(one)
    ordered = sorted(groups.values(), key=len, reverse=True)
    texts = [_sentence(group) for group in ordered]
    if len(texts) > 1:
        texts = [f"{len(group)}: {text}" for group, text in zip(ordered, texts, strict=True)]
    clocks = _clocks(missing) if is_all else ""
    return "; ".join([*texts, clocks] if clocks else texts)


def _sentence(group: Sequence[NoPose]) -> str:
    first = group[0]
    if first.words:
        return group[-1].words
    seconds = _range([one.seconds for one in group])
    return _WORDS[first.cause].format(gap=first.max_gap, seconds=seconds, frames=first.frames)


def _range(seconds: Sequence[float]) -> str:
    low, high = (_number(value) for value in (min(seconds), max(seconds)))
    return low if low == high else f"{low} to {high}"


def _number(seconds: float) -> str:
    return f"{seconds:.1f}" if seconds >= 10.0 else f"{seconds:.2f}"


def _clocks(missing: Sequence[NoPose]) -> str:
    """What is said of two spans of time that have nothing in common."""
    if not missing or any(one.cause != FAR for one in missing):
        return ""
    stamps_ns = [one.stamp_ns for one in missing]
    begin = min(one.poses_ns[0] for one in missing)
    end = max(one.poses_ns[1] for one in missing)
    if min(stamps_ns) <= end and begin <= max(stamps_ns):
        return ""
    return (
        "the images' stamps and the poses' stamps do not overlap (image stamps begin at "
        f"{min(stamps_ns) / 1e9:.3f} s, poses at {begin / 1e9:.3f} s): are both of one clock?"
    )
