# SPDX-License-Identifier: Apache-2.0
"""RTAB-Map: links between its own nodes, confirmed by its graph; refusals are noticed."""

import pytest

pytest.importorskip("rclpy", reason="the adapters need ROS 2")

from slam_harness import FakeRtabmap, loop_closure
from test_closure_adapters import robot  # noqa: F401  (a fixture)

TOLERANCE = 0.02


@pytest.fixture
def rtabmap(bench, stack_messages, robot):  # noqa: F811
    bench.connect(
        "rtabmap",
        patience=0.5,
        rtabmap__stamp_tolerance=TOLERANCE,
        rtabmap__confirm_timeout=0.6,
    )
    made = FakeRtabmap(bench)
    robot()
    made.tell_nodes((3, 20.0, 0), (4, 50.0, 0), (8, 75.0, -1), (-1, 30.0, 0), (11, 100.004, 0))
    return made


def test_a_link_goes_from_the_query_to_the_match(bench, rtabmap):
    bench.adapters.closed(loop_closure())
    bench.wait_for(lambda: rtabmap.asked, "the link")
    (link,) = rtabmap.asked
    assert (link.from_id, link.to_id, link.type) == (11, 3, 4)
    # from_T_to: the match lies 1 m behind the base of the query.
    t, q = link.transform.translation, link.transform.rotation
    assert (t.x, t.y, t.z) == pytest.approx((-1.0, 0.0, 0.0), abs=1e-12)
    assert abs(q.w) == pytest.approx(1.0)
    assert sum(element != 0.0 for element in link.information) == 6
    variances = [1.0 / element for element in link.information[::7]]
    assert variances[0] == pytest.approx(0.01 + 0.25 * 1e-4)
    assert variances[3:] == pytest.approx([9e-4, 1e-4, 4e-4])


def test_a_link_is_confirmed_by_the_graph_in_either_direction(bench, rtabmap):
    from rtabmap_msgs.msg import Link

    bench.adapters.closed(loop_closure())
    bench.wait_for(lambda: rtabmap.asked, "the link")
    assert (bench.facts["confirmed"], bench.facts["unconfirmed"]) == ("0", "1")
    rtabmap.tell_graph(Link(from_id=3, to_id=4), Link(from_id=3, to_id=11, type=4))
    assert (bench.facts["confirmed"], bench.facts["unconfirmed"]) == ("1", "0")
    bench.spin_for(0.8)
    assert len(rtabmap.asked) == 1
    bench.adapters.closed(loop_closure())
    bench.refusal("nodes 11 and 3 are linked already")


def test_a_link_that_never_shows_is_sent_once_more_and_then_said(bench, rtabmap):
    bench.adapters.closed(loop_closure())
    bench.refusal("RTAB-Map did not link its nodes 3 and 11: its log says why")
    assert len(rtabmap.asked) == 2
    assert rtabmap.asked[0] == rtabmap.asked[1]
    assert bench.facts["unconfirmed"] == "0"


@pytest.mark.parametrize(("query", "match", "why"), [
    (100.0, 21.0, r"no node within 0.02 s of an image (nearest: 1.000 s)"),
    (100.0, 75.0, "no node within 0.02 s"),  # an intermediate node would end RTAB-Map
    (100.0, 30.0, "no node within 0.02 s"),  # a landmark is no node
    (20.0, 20.0, "nodes 3 and 3 are linked already"),
])  # fmt: skip
def test_images_without_a_node_are_not_linked(bench, rtabmap, query, match, why):
    bench.adapters.closed(loop_closure(query, match))
    bench.refusal(why)
    assert rtabmap.asked == []


def test_a_node_that_comes_late_is_waited_for(bench, rtabmap):
    bench.adapters.closed(loop_closure(120.0, 20.0))
    bench.spin_for(0.2)
    rtabmap.tell_nodes((12, 120.0, 0))
    bench.wait_for(lambda: rtabmap.asked, "the link")
    assert (rtabmap.asked[0].from_id, rtabmap.asked[0].to_id) == (12, 3)


def test_a_transform_that_was_not_measured_is_never_sent(bench, rtabmap):
    bench.adapters.closed(loop_closure(transform=False))
    assert "no measured transform" in bench.facts["last refusal"]
    assert bench.facts["refused"] == "1"
    bench.spin_for(0.3)
    assert rtabmap.asked == []


def test_a_map_that_starts_over_forgets_the_old_nodes(bench, rtabmap):
    rtabmap.tell_nodes((3, 200.0, 0))
    assert bench.facts["nodes"] == "1"
    bench.adapters.closed(loop_closure())
    bench.refusal("no node within 0.02 s")


def test_rtabmap_that_is_not_there_is_said(bench, stack_messages):
    bench.connect("rtabmap", patience=0.3)
    bench.adapters.closed(loop_closure())
    bench.refusal("no node is heard of on /mapData")
