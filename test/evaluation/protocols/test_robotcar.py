# SPDX-License-Identifier: Apache-2.0
"""RobotCar Seasons v2: the model's poses, error buckets as rules, the server's file."""

import math

import numpy as np
import pytest
from retrieval_samples import recall_at

from vpr_ros.errors import DatasetError
from vpr_ros.evaluation.metrics.localization import BUCKETS, localization_errors
from vpr_ros.evaluation.protocols import read_set
from vpr_ros.evaluation.protocols.submissions import write_poses

REFERENCE = "overcast-reference"


def turned(degrees):
    """world_R_camera, turned about z."""
    a = math.radians(degrees)
    return np.array([[math.cos(a), -math.sin(a), 0], [math.sin(a), math.cos(a), 0], [0, 0, 1]])


def nvm_line(camera, number, x, degrees):
    """The model gives camera_R_world and the camera's center."""
    half = math.radians(-degrees) / 2
    name = f"./{REFERENCE}/{camera}/{number}.png"
    return f"{name} 400 {math.cos(half)} 0 0 {math.sin(half)} {x} 0 0 0 0"


def pose_line(name, x, degrees):
    matrix = np.eye(4)
    matrix[:3, :3], matrix[0, 3] = turned(degrees), x
    return " ".join([name, *(f"{value:.12g}" for value in matrix.ravel())])


@pytest.fixture
def robotcar(layout):
    lines = [
        nvm_line("rear", 1, 0.0, 0.0),
        nvm_line("left", 1, 0.0, 90.0),
        nvm_line("rear", 2, 10.0, 30.0),
    ]
    model = "\n".join(["NVM_V3 ", "", str(len(lines)), *lines, "", "0", ""])
    layout.text("3D-models/all-merged/all.nvm", model)
    train = [
        pose_line("dawn/rear/11.png", 0.2, 1.0),
        pose_line("night/rear/12.png", 10.4, 34.0),
        pose_line("night-rain/rear/13.png", 14.0, 38.0),
        pose_line("sun/rear/14.png", 500.0, 0.0),
    ]
    layout.text("robotcar_v2_train.txt", "\n".join(train))
    layout.text("robotcar_v2_test.txt", "snow/rear/21.jpg\nrain/rear/22.jpg\n")
    references = [f"{REFERENCE}/rear/1", f"{REFERENCE}/left/1", f"{REFERENCE}/rear/2"]
    queries = ["dawn/rear/11", "night/rear/12", "night-rain/rear/13", "sun/rear/14"]
    tests = ["snow/rear/21", "rain/rear/22"]
    layout.images([f"images/{name}.jpg" for name in (*references, *queries, *tests)])
    return layout


def test_each_bucket_is_a_rule(robotcar):
    data = read_set("robotcar-seasons-v2", robotcar.folder)
    assert list(data.relevance) == ["0.25 m, 2 deg", "0.5 m, 5 deg", "5 m, 10 deg"]
    found = [[each.tolist() for each in rule.positives] for rule in data.relevance.values()]
    assert found == [[[0], [], [], []], [[0], [1], [], []], [[0], [1], [1], []]]
    assert data.conditions["night (all)"].tolist() == [1, 2]
    assert data.conditions["dawn"].tolist() == [0]
    assert len(set(data.sequence_of.tolist())) == 4


def test_recall_at_one_is_what_the_benchmark_publishes(robotcar):
    data = read_set("robotcar-seasons-v2", robotcar.folder)
    rankings = np.array([[0], [1], [0], [1]])
    answers = [data.database_poses[ranking[0]] for ranking in rankings]
    errors = localization_errors(data.query_poses, answers)
    shares = [
        float(np.mean((errors.distances <= meters) & (errors.angles <= radians)))
        for meters, radians in BUCKETS
    ]
    recalls = [recall_at(rankings, rule, (1,))[1] for rule in data.relevance.values()]
    assert recalls == shares == [0.25, 0.5, 0.5]


def test_all_cameras(robotcar):
    data = read_set("robotcar-seasons-v2", robotcar.folder, cameras="left,rear,right")
    assert len(data.database.names) == 3


def test_the_test_split_gets_its_file(robotcar, tmp_path):
    data = read_set("robotcar-seasons-v2", robotcar.folder, split="test")
    assert data.relevance == {}
    write_poses(tmp_path / "poses.txt", data, np.array([[1], [0]]))
    first, second = (tmp_path / "poses.txt").read_text().splitlines()
    name, *numbers = first.split()
    w, _, _, z, *translation = map(float, numbers)
    assert name == "rear/21.jpg"
    assert (w, z) == pytest.approx((math.cos(math.radians(15)), -math.sin(math.radians(15))))
    expected = -turned(30.0).T @ [10.0, 0.0, 0.0]
    assert translation == pytest.approx(expected)
    assert second.split()[0] == "rear/22.jpg"


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("3D-models/all-merged/all.nvm", "ply\n", "not a model of VisualSFM"),
        ("3D-models/all-merged/all.nvm", "NVM_V3\n2\nleft/a.png 1 1 0 0 0 0 0 0 0 0\n",
         "1 of 2 images: the file is cut off"),
        ("3D-models/all-merged/all.nvm", "NVM_V3\n1\nleft/a.png 1 zero\n", "not an image's line"),
        ("robotcar_v2_train.txt", "dawn/rear/11.png 1 2 3\n", "not a name and a 4 x 4 pose"),
        ("robotcar_v2_train.txt", "dawn/rear/11.png " + "2 " * 16, "no rotation"),
        ("robotcar_v2_train.txt", "", "no images"),
    ],
)  # fmt: skip
def test_damaged_files(robotcar, file, content, said):
    robotcar.text(file, content)
    with pytest.raises(DatasetError, match=said):
        read_set("robotcar-seasons-v2", robotcar.folder)
