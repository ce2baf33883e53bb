# SPDX-License-Identifier: Apache-2.0
"""What models must have in common, and what is only told of them."""

import json
from dataclasses import asdict, replace

import pytest

from vpr_ros.datatypes import ModelSpec

SPEC = ModelSpec(
    *("r2former_tiny", "ab12", 192, 256, (0.5, 0.4, 0.3), (0.25, 0.25, 0.25), 256, 64),
    *("fp16", "1", {"num_local": 150.0, "antialias": 1.0}, 8),
)


@pytest.mark.parametrize(
    "change",
    [
        {"precision": "fp32"},
        {"exporter_version": "2"},
        {"runtime": "TensorRT"},
        {"pitch": 16},
        {"has_unit_local": True},
        {"ports": {"image": "input"}},
        {"settings": {"num_local": 200.0, "antialias": 1.0}},
        {"settings": {"num_local": 150, "antialias": 1, "min_score": 0.02, "own_tokens": 0.0}},
    ],
)
def test_how_and_how_many_make_no_other_space(change):
    assert replace(SPEC, **change).space == SPEC.space


@pytest.mark.parametrize(
    "change",
    [
        {"method": "r2former"},
        {"weights_sha256": "cd34"},
        {"input_width": 320},
        {"mean": (0.5, 0.4, 0.2)},
        {"std": (0.25, 0.25, 0.2)},
        {"global_dim": 128},
        {"local_dim": 0},
        {"settings": {"num_local": 150.0}},
        {"settings": {"num_local": 150.0, "antialias": 1.0, "patch_level": 3.0}},
    ],
)
def test_what_changes_descriptors_does(change):
    assert replace(SPEC, **change).space != SPEC.space


def test_a_space_is_the_same_in_every_program():
    assert len(SPEC.space) == 16
    assert ModelSpec.of_fields(json.loads(json.dumps(asdict(SPEC)))).space == SPEC.space


def test_a_spec_from_before_there_were_ports_is_read():
    fields = asdict(SPEC)
    for name in ("pitch", "has_unit_local", "runtime", "ports"):
        del fields[name]
    assert ModelSpec.of_fields(fields) == replace(SPEC, pitch=0)


@pytest.mark.parametrize("wrong", [{"mean": 3}, {"settings": {"a": "b"}}, {"future": 1}])
def test_what_is_no_spec_is_refused(wrong):
    with pytest.raises((TypeError, ValueError)):
        ModelSpec.of_fields({**asdict(SPEC), **wrong})


def test_how_it_was_made_is_told_in_words():
    assert SPEC.made_by == "fp16, exporter 1"
    assert replace(SPEC, runtime="TensorRT 10").made_by == "fp16, TensorRT 10, exporter 1"
    assert replace(SPEC, exporter_version="").made_by == "fp16"


def test_what_one_of_two_does_not_tell_makes_no_difference():
    robot = replace(SPEC, runtime="TensorRT 10")
    assert robot.is_made_as(SPEC)
    assert not robot.is_made_as(replace(robot, precision="fp32"))
    assert not robot.is_made_as(replace(robot, runtime="PyTorch 2"))
