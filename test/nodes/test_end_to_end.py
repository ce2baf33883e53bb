# SPDX-License-Identifier: Apache-2.0
"""The main job over DDS: a mapper learns a drive, a localizer finds itself in the next one."""

import math
import subprocess
import sys
from collections import Counter
from contextlib import closing
from types import SimpleNamespace

import pytest

pytest.importorskip("rclpy", reason="the nodes need ROS 2")

from node_harness import KEEP_ALL, Observer, node_process, raw_message, set_parameter

from vpr_ros.config import PipelineConfig
from vpr_ros.datatypes import Verdict
from vpr_ros.demo.lifecycle_process import NodeProcessError
from vpr_ros.demo.session import recognition_from_message
from vpr_ros.drives.bag_reader import BagReader
from vpr_ros.evaluation.drive import Drive, answer_drive
from vpr_ros.evaluation.judge import Tally, Truth
from vpr_ros.evaluation.protocols.bag_set import BagOptions
from vpr_ros.evaluation.protocols.map_set import read_map_set
from vpr_ros.evaluation.runner import Task, described
from vpr_ros.images import decode_compressed
from vpr_ros.nodes.conversions import stamp_to_ns
from vpr_ros.nodes.interfaces import FrameTimings, GetMapInfo, LoadMap, QueryPlace, SaveMap
from vpr_ros.place_map import PlaceMap

IMAGES, ODOMETRY = "/camera/image_raw/compressed", "/odom"
INFO, TRUTH = "/camera/camera_info", "/ground_truth/pose"
INPUTS = {"image": IMAGES, "odom": ODOMETRY, "camera_info": INFO}
RATE = 4.0  # 10 frames a second: some 50 ms of work each
FATES = ("processed", "dropped", "failed")

BLOCKED_MESSAGES = """
import sys

class NotBuilt:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "vpr_msgs":
            raise ImportError("No module named 'vpr_msgs'")

sys.meta_path.insert(0, NotBuilt())
from vpr_ros.nodes.{kind}_node import main
sys.exit(main())
"""


def process_of(kind, folder, map_path, **parameters):
    log, parameters = folder / f"{kind}.log", {"image_transport": "compressed", **parameters}
    return node_process(kind, log, map_path, None, INPUTS, **parameters)


def stamps_of(bag):
    with BagReader(bag) as reader:
        return [frame.stamp_ns for frame in reader.frames(IMAGES, None)]


def settled(sent):
    """Whether a status accounts for every image that was sent."""
    return lambda status: (
        status.count("frames received") == sent
        and sent == sum(status.count(f"frames {fate}") for fate in FATES)
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("end_to_end")


@pytest.fixture(scope="module")
def ear(ros):
    observer = Observer()
    yield observer
    observer.close()


@pytest.fixture(scope="module")
def learned(ear, drive, folder):
    """A mapper that went through every state and learned the first lap; what it said on its way."""
    found = SimpleNamespace(map=folder / "route.vprmap", copy=folder / "copy.vprmap", states=[])
    found.sent = stamps_of(drive.map_bag)
    with process_of("mapper", folder, found.map, keyframes__commit_period=0.0) as mapper:
        drive_through(mapper, found, lambda: learn(ear, mapper, drive, found))
    return found


def drive_through(process, found, work):
    """Every primary state, and every way between two of them; ``work`` is done when active."""
    steps = ("", "configure", "activate", "work", "deactivate", "activate", "deactivate")
    steps += ("cleanup", "configure", "activate", "shutdown")
    for step in steps:
        if step == "work":
            work()
        elif step:
            getattr(process, step)()
        found.states.append(process.state())


ALL_STATES = ["unconfigured", "inactive", "active", "active", "inactive", "active", "inactive"]
ALL_STATES += ["unconfigured", "inactive", "active", "finalized"]


def learn(ear, mapper, drive, found):
    ear.replay(drive.map_bag, RATE, *INPUTS.values())
    what = f"{len(found.sent)} frames accounted for"
    found.status = ear.wait_for_status("mapper", settled(len(found.sent)), what)
    found.info = mapper.request(GetMapInfo, "get_map_info", GetMapInfo.Request())
    for name, path in (("saved", ""), ("copied", str(found.copy)), ("again", str(found.copy))):
        answer = mapper.request(SaveMap, "save_map", SaveMap.Request(path=path))
        setattr(found, name, answer)


@pytest.fixture(scope="module")
def answered(ear, drive, learned, folder):
    """A localizer that answered the second lap, after it went through every state."""
    found = SimpleNamespace(states=[], sent=stamps_of(drive.query_bag))
    with process_of("localizer", folder, learned.map) as localizer:
        drive_through(localizer, found, lambda: localize(ear, drive, found))
    return found


def localize(ear, drive, found):
    ear.forget()
    found.timings = []
    ear.node.create_subscription(FrameTimings, "/localizer/timings", found.timings.append, KEEP_ALL)
    ear.replay(drive.query_bag, RATE, IMAGES)
    what = f"{len(found.sent)} frames accounted for"
    found.status = ear.wait_for_status("localizer", settled(len(found.sent)), what)
    ear.spin_for(0.3)  # an answer too many would come now
    found.statuses = [status for status in ear.statuses if status.node == "localizer"]
    found.matches = list(ear.matches)


@pytest.fixture(scope="module")
def truth(drive):
    with BagReader(drive.map_bag) as lap_one, BagReader(drive.query_bag) as lap_two:
        return Truth(lap_one.trajectory(TRUTH), lap_two.trajectory(TRUTH))


def test_mapper_goes_through_every_state(learned):
    assert learned.states == ALL_STATES


def test_mapper_keeps_every_frame_of_a_moving_car(learned):
    with PlaceMap.open(learned.map) as place_map:
        records = place_map.table.records()
        cameras = {place_map.camera_of(record.key) for record in records}
    kept = [record.stamp_ns for record in records]
    assert kept == sorted(set(kept) & set(learned.sent))
    assert len(kept) == len(learned.sent) - learned.status.count("frames dropped")
    assert {record.session for record in records} == {"session-1"}  # empty ones are not kept
    posed = [record.pose for record in records if record.pose is not None]
    assert len(posed) >= 0.9 * len(kept)
    assert {pose.frame_id for pose in posed} == {"odom"}
    assert {(camera.width, camera.height) for camera in cameras if camera} == {(320, 240)}


def test_mapper_tells_what_the_map_holds(learned):
    info, kept = learned.info, learned.saved.keyframes
    assert info.success
    assert (info.path, info.method) == (str(learned.map), "hog_sift")
    assert (info.sessions, info.keyframes) == (1, kept)
    assert 0.9 * kept <= info.keyframes_with_pose <= kept
    assert info.size_bytes > 10_000 * kept
    assert len(info.space) == 16
    assert info.made_by
    with PlaceMap.open(learned.map) as place_map:
        assert info.map_id == place_map.uuid


def test_saving_copies_and_never_overwrites(learned):
    assert learned.saved.success
    assert learned.saved.path == str(learned.map)
    assert learned.copied.success
    assert (learned.copied.path, learned.copied.keyframes) == (
        str(learned.copy),
        learned.saved.keyframes,
    )
    assert not learned.again.success
    assert str(learned.copy) in learned.again.message
    with PlaceMap.open(learned.map) as original, PlaceMap.open(learned.copy) as copy:
        assert copy.table.records() == original.table.records()


def test_mapper_diagnostics(learned):
    values = learned.status.values
    assert values["map"] == str(learned.map)
    assert values["backend"].startswith("hog_sift, OpenCV")
    assert (values["pose source"], values["image topic"]) == ("odometry", IMAGES)
    assert learned.status.count("keyframes") == learned.saved.keyframes
    for stage in ("wait", "decode", "pose", "map", "overhead", "total"):
        assert float(values[f"{stage} max [ms]"]) >= float(values[f"{stage} median [ms]"]) >= 0.0


def test_localizer_goes_through_every_state(answered):
    assert answered.states == ALL_STATES


def test_every_image_is_answered_once_or_counted_as_dropped(answered):
    stamps = [stamp_to_ns(match.header.stamp) for match in answered.matches]
    assert stamps == sorted(set(stamps) & set(answered.sent))
    assert len(stamps) == answered.status.count("frames processed")
    assert len(stamps) + answered.status.count("frames dropped") == len(answered.sent)
    assert len(stamps) >= 0.5 * len(answered.sent)


def test_answers_name_their_image_and_their_map(answered, learned):
    for match in answered.matches:
        assert match.header.frame_id == "camera"
        assert match.map == str(learned.map)
        assert match.reason
        similarities = [candidate.similarity for candidate in match.candidates]
        assert len(similarities) == 10
        assert all(-1.0 <= similarity <= 1.0001 for similarity in similarities)
        scores = [candidate.rerank_score for candidate in match.candidates]
        assert scores == sorted(scores, reverse=True)


def test_who_listens_is_told_how_long_every_image_took(answered):
    assert len(answered.timings) == len(answered.matches)
    stages = ["wait", "decode", "extract", "retrieve", "load", "rerank", "decide", "total"]
    for timing in answered.timings:
        assert list(timing.stages) == stages
        assert all(seconds >= 0.0 for seconds in timing.seconds)


def test_accepted_answers_are_right_and_most_places_are_found(answered, learned, truth):
    with PlaceMap.open(learned.map) as place_map:
        keyframes = place_map.table.stamps_ns.tolist()
    answers = [recognition_from_message(match) for match in answered.matches]
    numbers = Tally.of(answers, truth.outcomes(answers, keyframes))
    assert numbers.positives >= 10
    assert numbers.precision >= 0.95
    assert numbers.recall >= 0.6


@pytest.fixture(scope="module")
def evaluated(drive, learned, folder):
    """What evaluation says of every image of the second lap, in the map that the mapper made."""
    options = BagOptions(max_distance=5.0, max_angle=math.radians(45.0))
    data = read_map_set(learned.map, drive.query_bag, options, drive.map_bag)
    task = Task(data, folder / "cache", map_path=learned.map)
    with (
        described(task, PipelineConfig(method="hog_sift")) as opened,
        closing(opened.pipeline.open_session(learned.map)) as session,
    ):
        answers = answer_drive(task, opened, session, Drive(drive.query_bag, IMAGES))
    return {answer.stamp_ns: answer for answer in answers}


def test_evaluation_says_of_every_image_what_the_node_said(answered, evaluated):
    assert len(evaluated) == len(answered.sent)
    for match in answered.matches:
        answer = evaluated[stamp_to_ns(match.header.stamp)]
        assert match.verdict == answer.verdict, (match.reason, answer.reason)
        told = [(each.keyframe_id, each.inliers) for each in match.candidates]
        compared = [each for each in answer.candidates if each.comparison is not None]
        assert told[: len(compared)] == [
            (each.keyframe.key.id, each.comparison.inliers) for each in compared
        ]
        assert match.reason == answer.reason


def test_the_detour_is_unknown_with_a_reason(answered, truth):
    for match in answered.matches:
        nearest = distance_to_route(stamp_to_ns(match.header.stamp), truth, answered)
        if nearest > 12.0:
            assert match.verdict == Verdict.UNKNOWN
            assert "needed for precision 0.99" in match.reason
            assert match.probability < 0.9
    far = [s for s in answered.sent if distance_to_route(s, truth, answered) > 12.0]
    assert len(far) >= 5


def distance_to_route(stamp_ns, truth, answered):
    """Meters from where an image was taken to the nearest place of the first lap."""
    pose = truth.query_pose(stamp_ns)
    places = {stamp_to_ns(c.stamp) for match in answered.matches for c in match.candidates}
    route = [truth.map_pose(stamp) for stamp in places]
    return min(math.dist(pose.position, other.position) for other in route if other is not None)


def test_localizer_diagnostics(answered, learned):
    working = [status for status in answered.statuses if status.count("frames received")]
    rates = [float(status.values["input rate [Hz]"]) for status in working]
    assert max(rates) > 1.0
    assert "output rate [Hz]" in working[-1].values
    values = answered.status.values
    for stage in ("wait", "decode", "extract", "retrieve", "rerank", "overhead", "total"):
        assert float(values[f"{stage} max [ms]"]) >= float(values[f"{stage} median [ms]"]) >= 0.0
    verdicts = Counter(Verdict(match.verdict).name for match in answered.matches)
    assert {name: int(values.get(name, 0)) for name in verdicts} == verdicts
    assert values["keyframes"] == str(learned.saved.keyframes)


@pytest.fixture(scope="module")
def localizer(ear, learned, folder):
    """An active localizer with the learned map."""
    log = folder / "services.log"
    with node_process("localizer", log, learned.map) as process:
        process.configure()
        process.activate()
        yield process


def load(localizer, path):
    return localizer.request(LoadMap, "load_map", LoadMap.Request(path=str(path)))


def map_in_use(localizer):
    return localizer.request(GetMapInfo, "get_map_info", GetMapInfo.Request()).path


def test_loading_another_map(localizer, learned):
    answer = load(localizer, learned.copy)
    assert answer.success
    assert answer.message == f"{learned.copy}: {learned.saved.keyframes} keyframes"
    assert map_in_use(localizer) == str(learned.copy)
    assert load(localizer, learned.map).success


@pytest.mark.parametrize("kind", ["missing", "foreign", "folder"])
def test_a_refused_map_leaves_the_old_one_in_use(localizer, seen, tmp_path, kind):
    names = {"missing": "none.vprmap", "foreign": "photo.jpg", "folder": ""}
    complaints = {
        "missing": "no such map",
        "foreign": "not a map",
        "folder": "no map (*.vprmap) in this",
    }
    path, before = tmp_path / names[kind], map_in_use(localizer)
    if kind == "foreign":
        path.write_bytes(b"\xff\xd8" + bytes(5000))
    answer = load(localizer, path)
    assert not answer.success
    assert str(path) in answer.message
    assert complaints[kind] in answer.message
    assert map_in_use(localizer) == before
    assert query(localizer, seen[1]).match.verdict == Verdict.ACCEPTED


@pytest.fixture(scope="module")
def seen(learned):
    """A keyframe and its thumbnail, which is as large as the images of the short drive."""
    with PlaceMap.open(learned.map) as place_map:
        record = place_map.table.records()[3]
        return record, decode_compressed(place_map.thumbnail(record.key))


def query(localizer, image, **changes):
    message = raw_message(image, 123_000_000_456, **changes)
    return localizer.request(QueryPlace, "query_place", QueryPlace.Request(image=message))


def test_asking_for_one_image(localizer, seen):
    record, image = seen
    answer = query(localizer, image)
    assert answer.success
    assert stamp_to_ns(answer.match.header.stamp) == 123_000_000_456
    assert answer.match.header.frame_id == "camera_front"
    assert answer.match.verdict == Verdict.ACCEPTED
    best = answer.match.candidates[0]
    assert best.keyframe_id == record.key.id
    assert stamp_to_ns(best.stamp) == record.stamp_ns
    assert best.has_pose == (record.pose is not None)


def test_asking_for_a_broken_image(localizer, seen):
    answer = query(localizer, seen[1], encoding="8UC7")
    assert not answer.success
    assert "8UC7" in answer.message


@pytest.mark.parametrize(
    ("name", "value"),
    [("decision.candidates", 0), ("decision.target_precision", 1.5), ("map_path", 3)],
)
def test_parameters_out_of_range_are_refused(localizer, name, value):
    answer = set_parameter(localizer, name, value)
    assert not answer.successful
    assert answer.reason


def test_a_missing_map_is_said_and_can_be_put_right(ear, learned, tmp_path):
    missing = tmp_path / "none.vprmap"
    with node_process("localizer", tmp_path / "log", missing, "lost") as process:
        with pytest.raises(NodeProcessError, match=f"{missing}: no such map"):
            process.configure()
        assert process.state() == "unconfigured"
        complaint = f"{missing}: no such map"
        ear.wait_for_status("lost", lambda s: s.level == 2 and complaint in s.message, complaint)
        info = process.request(GetMapInfo, "get_map_info", GetMapInfo.Request())
        assert not info.success
        assert "configure it first" in info.message
        assert set_parameter(process, "map_path", str(learned.map)).successful
        process.configure()
        assert process.state() == "inactive"


def ended(*words):
    """Exit code and standard error of a node that does not start."""
    command = [sys.executable, *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stderr


@pytest.mark.parametrize("kind", ["mapper", "localizer"])
def test_without_messages_the_build_command_is_named(ros, kind):
    code, errors = ended("-c", BLOCKED_MESSAGES.format(kind=kind))
    assert code == 2
    assert errors.count("\n") == 1
    assert "vcs import src < vpr_ros.repos" in errors


@pytest.mark.parametrize("parameter", ["decision.candidates:=0", "map_path:=5"])
def test_started_with_a_wrong_parameter(ros, parameter):
    code, errors = ended("-m", "vpr_ros.nodes.localizer_node", "--ros-args", "-p", parameter)
    assert code == 2
    assert errors.count("\n") == 1
    assert parameter.partition(":=")[0] in errors
