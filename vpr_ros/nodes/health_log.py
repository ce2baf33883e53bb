# SPDX-License-Identifier: Apache-2.0
"""What is wrong with a node's topics, as lines of its log: not everybody looks at /diagnostics."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rclpy.impl.rcutils_logger import RcutilsLogger

from vpr_ros.nodes.topic_states import InputState, TopicState

_SILENT_AFTER = 10.0  # seconds without a message
_PERIOD = 60.0  # least seconds between two lines about one cause


@dataclass(frozen=True)
class Trouble:
    """Something that is wrong now."""

    key: tuple[str, ...]  # what it is, whatever its numbers
    text: str
    end: str = ""  # what is said when it is over; what has such an end is said once


class HealthLog:
    """Turns changes of a node's health into warnings: each cause at once, then once a minute."""

    def __init__(self, logger: RcutilsLogger) -> None:
        """Say nothing yet."""
        self._logger = logger
        self._said: dict[tuple[str, ...], float] = {}  # when, seconds of the monotonic clock
        self._open: dict[tuple[str, ...], Trouble] = {}  # said, and not over yet
        self._lost: dict[str, int] = {}  # by topic, at the last look

    def look(self, state: InputState, now: float) -> None:
        """Say what is new at monotonic time ``now`` (s)."""
        troubles = {one.key: one for one in self._troubles(state, now)}
        self._lost = {topic.name: topic.lost for topic in state.all_topics}
        for key in [key for key in self._open if key not in troubles]:
            over = self._open.pop(key)
            if over.end and state.active:
                self._logger.info(over.end)
        for trouble in troubles.values():
            self._tell(trouble, now)

    def _tell(self, trouble: Trouble, now: float) -> None:
        if trouble.end and trouble.key in self._open:
            return
        if now - self._said.get(trouble.key, -_PERIOD) >= _PERIOD:
            self._said[trouble.key] = now
            self._open[trouble.key] = trouble
            self._logger.warning(trouble.text)

    def _troubles(self, state: InputState, now: float) -> Iterator[Trouble]:
        if not state.active:
            return
        for topic in state.all_topics:
            yield from self._of_topic(topic, max(state.since, topic.last_arrival or 0.0), now)
        if state.missed_cause:
            yield Trouble(("without pose", state.missed_cause), state.missed)

    def _of_topic(self, topic: TopicState, since: float, now: float) -> Iterator[Trouble]:
        if now - since > _SILENT_AFTER:
            text = f"no {topic.kind} on {topic.name} for {now - since:.0f} s"
            why = "" if topic.publishers else ": nobody publishes it"
            end = f"{topic.name} brings {topic.kind}s again"
            yield Trouble(("silent", topic.name), text + why, end)
        if topic.unheard:
            text = f"{topic.name}: a publisher is not heard: {topic.remedy}"
            yield Trouble(("unheard", topic.name), text)
        if topic.lost > self._lost.get(topic.name, 0):
            text = f"{topic.name}: {topic.lost} {topic.kind}s are lost so far: {topic.remedy}"
            yield Trouble(("lost", topic.name), text)
