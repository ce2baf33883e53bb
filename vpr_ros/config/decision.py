# SPDX-License-Identifier: Apache-2.0
"""What becomes a keyframe, what two images must have in common, and when that is trusted."""

from __future__ import annotations

import math
from dataclasses import dataclass

from vpr_ros.config.setting import setting


@dataclass(frozen=True)
class KeyframeConfig:
    """When the mapper keeps an image."""

    distance: float = setting(1.0, "Meters traveled since the last keyframe", within=(0.01, 1000.0))
    angle: float = setting(0.26, "Radians turned since the last keyframe", within=(0.01, math.pi))
    view_change: float = setting(
        0.12,
        "Without poses: 1 - inner product of the global descriptors since the last keyframe",
        within=(0.0, 2.0),
    )
    commit_period: float = setting(
        1.0, "Seconds of image time between commits of the map", within=(0.0, 60.0)
    )
    thumbnail_side: int = setting(
        320, "Longer side in pixels of the JPEG kept of a keyframe", within=(32, 4096)
    )


CLEAN, REFERENCE = "clean", "reference"


@dataclass(frozen=True)
class HomographyConfig:
    """The reranker that counts matches agreeing with one homography."""

    rule: str = setting(
        CLEAN,
        "clean: key patches only, fast estimator; reference: as published for transvpr, with "
        "equal scores if codec is float32",
        choices=(CLEAN, REFERENCE),
    )
    threads: int = setting(
        2, "Candidates scored at the same time, each by one thread", within=(1, 64)
    )
    ransac_threshold: float = setting(
        0.006,
        "Largest reprojection error, as a fraction of the longer image side; with patches for "
        "keypoints, at least 1.5 of them",
        within=(0.0005, 0.1),
    )
    max_iterations: int = setting(
        500, "RANSAC iterations at most; for patches, 2000 is better", within=(10, 100000)
    )


@dataclass(frozen=True)
class DecisionConfig:
    """When a match is trusted."""

    candidates: int = setting(
        10,
        "Keyframes retrieved for each query and reranked; published: 100",
        within=(1, 1000),
        live=True,
    )
    target_precision: float = setting(
        0.99,
        "Part of the accepted matches that must be right; the map tells what score that takes",
        within=(0.5, 0.9999),
        live=True,
    )
    prior_mapped: float = setting(
        0.5, "Part of the images that are supposed to show a mapped place", within=(0.01, 1.0)
    )
    rival_ratio: float = setting(
        0.7,
        "Ambiguous when another place reaches this part of the best rerank score",
        within=(0.0, 1.0),
        live=True,
    )
    place_radius: float = setting(
        10.0, "Meters within which two keyframes show one place", minimum=0.0
    )
    place_seconds: float = setting(
        10.0,
        "Seconds of one session within which keyframes without poses show one place",
        minimum=0.0,
    )
    maps_overlap: bool = setting(
        True,
        "Whether keyframes of two maps may show one place: drives through one street; false for "
        "floors and buildings, of which two that look alike are then ambiguous",
        live=True,
    )
    max_zoom: float = setting(
        1.25,
        "Ambiguous when the scene appears larger or smaller by more than this factor",
        minimum=1.0,
        live=True,
    )


@dataclass(frozen=True)
class LoopConfig:
    """Places that a drive comes back to while it is mapped."""

    close: bool = setting(
        True, "Look for each new keyframe's place among the earlier ones", live=True
    )
    min_seconds: float = setting(
        20.0, "Keyframes of this drive's last seconds are no loops", minimum=0.0, live=True
    )
    min_distance: float = setting(
        20.0,
        "Keyframes of this drive's last meters are no loops, if they have poses",
        minimum=0.0,
        live=True,
    )
    max_drift: float = setting(
        0.1,
        "Part of the way driven by which odometry may be off: a loop whose measured pose is "
        "farther from it is told in diagnostics, and closed nowhere",
        within=(0.0, 1.0),
        live=True,
    )


@dataclass(frozen=True)
class SequenceConfig:
    """What earlier images say about this one.

    A fresh look is an image whose view is a keyframe step (``keyframes``) away from the last one;
    images nearer to it count for a part of a look.
    """

    mode: str = setting(
        "off",
        "off: every image by itself; filter: Bayes filter over the keyframes, with or without "
        "odometry; seqslam: sequences of similarities, for drives without odometry",
        choices=("off", "filter", "seqslam"),
    )
    trust: float = setting(
        0.98, "Probability that one image alone can give at most", within=(0.5, 0.999)
    )
    miss: float = setting(
        0.5, "Probability that a look at a mapped place does not find it", within=(0.01, 0.99)
    )
    leave: float = setting(
        0.01,
        "Probability, with each look, of leaving the map or being carried away",
        within=(1e-6, 0.5),
    )
    enter: float = setting(
        0.1, "Probability, with each look off the map, of entering it", within=(1e-6, 0.5)
    )
    reverse: float = setting(
        0.1, "Part of the drives that run against the map's direction", within=(0.0, 1.0)
    )
    drift: float = setting(
        0.3,
        "Odometry's standard deviation after one meter, in meters; it grows with the square root",
        within=(0.0, 10.0),
    )
    max_speed: float = setting(
        2.0,
        "Without odometry: the fastest drive, in multiples of the speed the map was made at",
        within=(0.1, 10.0),
    )
    patience: float = setting(
        5.0, "Looks in a row without support after which no match is accepted", minimum=1.0
    )
    seqslam_length: int = setting(10, "seqslam: looks that make a sequence", within=(2, 100))
    seqslam_window: int = setting(
        10, "seqslam: keyframes to each side that contrast is taken over", within=(1, 1000)
    )
