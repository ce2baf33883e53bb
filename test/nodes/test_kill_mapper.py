# SPDX-License-Identifier: Apache-2.0
"""A mapper node killed while it maps loses nothing that was committed, and its map goes on.

VPR_KILLS says how often; the more, the surer.
"""

import os
import random
import signal
import sqlite3
from contextlib import closing
from itertools import count

import pytest

pytest.importorskip("rclpy", reason="the nodes need ROS 2")

from node_harness import START_NS, STEP_NS, node_process, pattern, raw_message
from sensor_msgs.msg import Image

from vpr_ros import pipeline
from vpr_ros.config import PipelineConfig
from vpr_ros.place_map import PlaceMap

KILLS = int(os.environ.get("VPR_KILLS", "4"))
LONGEST_S = 0.8  # of mapping before the kill
IMAGES = [pattern(seed, 120, 160) for seed in range(20)]

# Every frame becomes a keyframe, and is committed at once.
PARAMETERS = {"pose_type": "none", "keyframes__view_change": 0.0, "keyframes__commit_period": 0.0}


def durable(path):
    """Id -> (stamp, checkable features) of everything that another program sees in the map."""
    if not path.exists():
        return {}
    spec = pipeline.build(PipelineConfig(method="hog_sift")).extractor.spec
    with PlaceMap.open(path, spec) as place_map:
        records = place_map.table.records()
        features = place_map.features_of([record.key for record in records])
        return {
            record.key: (record.stamp_ns, kept.local.descriptors.tobytes())
            for record, kept in zip(records, features, strict=True)
        }


def quick_check(path):
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        return connection.execute("PRAGMA quick_check").fetchall()


def map_until_killed(observer, path, name, numbers, seconds):
    """Map frames at full speed for a while, then SIGKILL; returns what was durable just before.

    Each mapper has a name and a topic of its own: DDS believes in the dead for some time.
    """
    topic, log = f"/{name}/image", path.with_name(f"{name}.log")
    with node_process("mapper", log, path, name, {"image": topic}, **PARAMETERS) as mapper:
        mapper.configure()
        mapper.activate()
        camera = observer.publisher(Image, topic)
        timer = observer.node.create_timer(0.01, lambda: publish(camera, next(numbers)))
        observer.spin_for(seconds)
        before = durable(path)
        observer.spin_for(0.02 * seconds)  # frames are in hand when it dies
        assert mapper.end_by(signal.SIGKILL) == -signal.SIGKILL
    observer.node.destroy_timer(timer)
    observer.silence(camera)
    return before


def publish(camera, number):
    camera.publish(raw_message(IMAGES[number % len(IMAGES)], START_NS + number * STEP_NS))


def test_nothing_committed_is_ever_lost(observer, tmp_path):
    path, chance, numbers = tmp_path / "growing.vprmap", random.Random(7), count()
    known, grown = {}, 0
    for kill in range(KILLS):
        seconds = chance.uniform(0.05, LONGEST_S)
        before = map_until_killed(observer, path, f"mapper_{kill}", numbers, seconds)
        assert known.items() <= before.items()
        assert quick_check(path) == [("ok",)]
        after = durable(path)
        assert before.items() <= after.items()
        grown += len(after) > len(known)
        known = after
    assert grown >= KILLS // 2  # it mapped on where the killed one had stopped
    with PlaceMap.open(path) as place_map:
        stamps = [record.stamp_ns for record in place_map.table.records()]
        assert len(place_map.info().sessions) == grown
    assert stamps == sorted(set(stamps))
