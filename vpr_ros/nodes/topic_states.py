# SPDX-License-Identifier: Apache-2.0
"""What is known of the topics that a node listens to, for whoever judges its health."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TopicState:
    """What is known of a topic of images or poses."""

    name: str
    publishers: int
    last_arrival: float | None = None  # seconds, monotonic clock; None before the first message
    lost: int = 0  # messages that the middleware lost on their way here
    remedy: str = ""  # what mends losses, or lets publishers be heard
    unheard: int = 0  # publishers whose quality of service does not fit
    kind: str = "image"


@dataclass(frozen=True)
class InputState:
    """The topics, and whether anybody listens to them."""

    topics: tuple[TopicState, ...]  # of images
    active: bool  # whether the node listens at all
    refused: str = ""  # why the last change of state was refused
    since: float = 0.0  # since when it listens, seconds of the monotonic clock
    poses: TopicState | None = None  # where poses are expected from, if from a topic
    missed: str = ""  # how many of the last frames have no pose, and why
    missed_cause: str = ""  # the most frequent cause, without numbers

    @property
    def all_topics(self) -> tuple[TopicState, ...]:
        """Those of images, and that of poses."""
        return self.topics if self.poses is None else (*self.topics, self.poses)
