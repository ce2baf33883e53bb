# SPDX-License-Identifier: Apache-2.0
"""Routes, and a robot that sees on them what a test wants it to see."""

import math
from dataclasses import dataclass, replace

import numpy as np

from vpr_ros.calibration_curve import Calibration, Tail
from vpr_ros.config import DecisionConfig, KeyframeConfig, SequenceConfig
from vpr_ros.datatypes import Candidate, Comparison, Features, KeyframeKey, KeyframeRecord, Pose
from vpr_ros.place_map.keyframe_table import Columns, KeyframeTable
from vpr_ros.sequence import BayesFilter, Look, OdometryStep

S = 10**9
UPRIGHT = (0.0, 0.0, 0.0, 1.0)
DECISION, STEPS = DecisionConfig(target_precision=0.9), KeyframeConfig()
INLIERS = Calibration((Tail(20.0, 1.0, 1.0 / 0.3),), 1.0)
SEQUENCE = SequenceConfig(mode="filter")


class FakeMap:
    """Keyframes in a list."""

    def __init__(self, records=()):
        self.table = KeyframeTable(records)
        self.likeness = None  # what an image resembles, [K]

    def __len__(self):
        return len(self.table)

    @property
    def list(self):
        return self.table.records()

    @list.setter
    def list(self, records):
        """Another table: keyframes are gone, or elsewhere."""
        self.table = KeyframeTable(records)

    def append(self, records):
        extend(self.table, records)

    def similarities(self, descriptor):
        return self.likeness

    def record(self, key):
        return self.table.record(self.table.row_of(key))

    def features_of(self, keys):
        return [Features(view(0.0), None) for _ in keys]


def extend(table, records):
    """Keyframes that are new in a map."""
    for record in records:
        table.append(record.key.map, Columns.of(record), record.map_name)


def key(number, of="map"):
    return KeyframeKey(of, number)


def keys(numbers):
    return frozenset(map(key, numbers))


def along(points, session="monday", first_id=1, poses=True, period=1.0, frame="odom", of="map"):
    """Keyframes at points [K, 2] or [K, 3], one each ``period`` seconds."""
    for number, point in enumerate(points):
        x, y, z = (*point, 0.0)[:3]
        pose = Pose((float(x), float(y), float(z)), UPRIGHT, frame) if poses else None
        yield KeyframeRecord(key(first_id + number, of), session, round(number * period * S), pose)


def straight(count, spacing=1.0, **about):
    """A map of one straight drive: keyframe ``n + 1`` stands at ``n * spacing`` meters."""
    return FakeMap(along([(number * spacing, 0.0) for number in range(count)], **about))


def view(s):
    """A descriptor that changes by a keyframe's ``view_change`` each meter."""
    turned = s * math.acos(1.0 - STEPS.view_change)
    return np.array([math.cos(turned), math.sin(turned)], np.float32)


def seen(place_map, *matches):
    """Candidates: (keyframe id, inliers) or (keyframe id, inliers, zoom)."""
    by_id = {record.key.id: record for record in place_map.list}
    found = [
        Candidate(by_id[match[0]], 0.9, Comparison(float(match[1]), -1, *match[2:]))
        for match in matches
        if match[0] in by_id
    ]
    return tuple(sorted(found, key=lambda c: -c.comparison.score))


def bayes(place_map, decision=DECISION, **settings):
    return BayesFilter(place_map, replace(SEQUENCE, **settings), decision, INLIERS, STEPS)


@dataclass
class Robot:
    """Drives along s meters, an image each ``period`` seconds."""

    tracker: BayesFilter
    place_map: FakeMap
    odometry: bool = True
    s: float = 0.0
    second: float = 100.0
    period: float = 1.0
    belief: object = None

    def go(self, meters, *matches, odometry_step=None, views=None):
        """Move on and look; odometry may be told something else, and so may the camera."""
        self.s += meters
        self.second += self.period
        told = OdometryStep(meters, 0.0) if odometry_step is None else odometry_step
        step = told if self.odometry and self.belief is not None else None
        look = Look(seen(self.place_map, *matches), view(self.s) if views is None else views)
        self.belief = self.tracker.update(round(self.second * S), step, look)
        return self.belief

    def drive(self, count, meters, inliers, spacing=1.0):
        """Go on for so many images and match the keyframe that stands nearest."""
        for _ in range(count):
            ahead = round((self.s + meters) / spacing) + 1
            self.go(meters, (ahead, inliers))
        return self.belief


def place_mass(belief, ids):
    """Probability of keyframes; ids start at 1."""
    return float(belief.keyframes[np.array(sorted(ids)) - 1].sum())
