# SPDX-License-Identifier: Apache-2.0
"""A node's state in one ``diagnostic_msgs/DiagnosticStatus``: what is wrong first, then numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from diagnostic_msgs.msg import DiagnosticStatus, KeyValue

from vpr_ros.nodes.statistics import FrameStatistics
from vpr_ros.nodes.topic_states import InputState, TopicState

_SILENT_AFTER = 2.0  # seconds without an image before it is worth a warning


class Health:
    """Turns the counters into a verdict on the node, once per period."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._counters: FrameStatistics | None = None
        self._before = (0, 0, 0)  # received, processed, failed at the last report
        self._lost: dict[str, int] = {}  # by topic, at the last report
        self._reported: float | None = None

    def report(
        self,
        statistics: FrameStatistics,
        source: InputState,
        facts: Mapping[str, str],
        now: float,
        warnings: Sequence[str] = (),
    ) -> DiagnosticStatus:
        """The status at monotonic time ``now`` (s).

        ``facts`` are shown as they are; ``warnings`` are a warning of a node that is active.
        """
        if statistics is not self._counters:  # the node was configured anew and counts from zero
            self._counters, self._before, self._lost = statistics, (0, 0, 0), {}
        before = self._before
        self._before = (statistics.received, statistics.processed, statistics.failed)
        elapsed = now - self._reported if self._reported is not None else 0.0
        self._reported = now
        failed = statistics.failed - before[2]
        lost, self._lost = self._lost, {topic.name: topic.lost for topic in source.topics}
        troubles = [_trouble(topic, lost.get(topic.name, 0), now) for topic in source.topics]
        troubles = [trouble for trouble in (*troubles, source.missed, *warnings) if trouble]
        level, message = _verdict(statistics, source, failed, troubles)
        values = {**facts, **_numbers(statistics, source)}
        if elapsed > 0.0:
            values["input rate [Hz]"] = f"{(statistics.received - before[0]) / elapsed:.1f}"
            values["output rate [Hz]"] = f"{(statistics.processed - before[1]) / elapsed:.1f}"
        return DiagnosticStatus(
            level=level,
            name=self._name,
            message=message,
            hardware_id="",
            values=[KeyValue(key=key, value=value) for key, value in values.items()],
        )


def _verdict(
    statistics: FrameStatistics,
    source: InputState,
    failed: int,
    troubles: Sequence[str],
) -> tuple[bytes, str]:
    if source.refused:
        return DiagnosticStatus.ERROR, source.refused
    if not source.active:
        return DiagnosticStatus.OK, "not active"
    if failed:
        return DiagnosticStatus.ERROR, f"{failed} frames failed: {statistics.last_error}"
    if troubles:
        return DiagnosticStatus.WARN, "; ".join(troubles)
    return DiagnosticStatus.OK, "working"


def _trouble(topic: TopicState, lost_before: int, now: float) -> str:
    """What is wrong with an image topic, empty if nothing is."""
    if topic.publishers == 0:
        return f"nobody publishes {topic.name}"
    if topic.publishers > 1:
        return f"{topic.publishers} publishers on {topic.name}: their frames are mixed"
    lost = topic.lost - lost_before
    if lost > 0:
        return f"{lost} images on {topic.name} lost on the way: {topic.remedy}"
    if topic.last_arrival is None and topic.remedy:
        return f"no image on {topic.name} yet: {topic.remedy}"
    if topic.last_arrival is None:
        return f"no image on {topic.name} yet: is its type another one?"
    silence = now - topic.last_arrival
    return f"no image on {topic.name} for {silence:.0f} s" if silence > _SILENT_AFTER else ""


def _numbers(statistics: FrameStatistics, source: InputState) -> dict[str, str]:
    values = {
        "image topic": ", ".join(topic.name for topic in source.topics),
        "frames received": str(statistics.received),
        "frames processed": str(statistics.processed),
        "frames dropped": str(statistics.dropped),
        "frames lost on the way": str(sum(topic.lost for topic in source.topics)),
        "frames failed": str(statistics.failed),
        "stamps repeated": str(statistics.repeated),
        "stamps going backwards": str(statistics.backward),
        "last error": statistics.last_error,
    }
    for stage, (median, largest) in statistics.latencies_ms().items():
        values[f"{stage} median [ms]"] = f"{median:.2f}"
        values[f"{stage} max [ms]"] = f"{largest:.2f}"
    return values
