"""The interface of a broker: eight ordered partitions per source, at-least-once delivery, acknowledged by the reader.

One file of `brokers/` per broker; tests/chassis/events/ tests all of them. The setting BROKER_URL chooses one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from chassis.events.event import Event


class BrokerUnreachable(Exception):
    """The broker does not respond, or refuses. Events that were sent may have arrived; sending them again is safe."""


class Batch(NamedTuple):
    """Events of one partition of one source, in order. `token` belongs to the broker."""

    source: str
    partition: int
    events: list[Event]
    token: object = None


class Publisher(Protocol):
    """Brings one source's events to the broker. One at a time per source: events keep the order of the calls."""

    async def publish(self, events: Sequence[Event]) -> None:
        """Returns when the broker has stored all events, each partition in order. After BrokerUnreachable each partition may
        have any first part of its events, but never an event without those before it."""

    async def newest_position(self) -> int | None:
        """The position of the newest event that the broker has seen of this source; 0 when it has seen none. None when it
        does not know: then it is assumed to have lost nothing. BrokerUnreachable."""

    async def maintain(self) -> None:
        """Does the periodic work, every few seconds, such as trimming events that every group has read. BrokerUnreachable."""

    async def close(self) -> None:
        """Stops sending."""


class Subscription(Protocol):
    """One group's events. Events that are not acknowledged are delivered again, to the group's next reader."""

    async def next(self, within_s: float) -> Batch | None:
        """The next events of some partition; None when none arrive in time (with 0: when none have arrived).

        A partition's next batch may come before its last one is acknowledged: take them in this order.
        BrokerUnreachable: close it and subscribe again.
        """

    async def ack(self, batch: Batch) -> None:
        """Marks the batch as handled. The broker may learn this with the next call, so its events may come again after a
        crash or BrokerUnreachable."""

    async def close(self) -> None:
        """Lets another member of the group take over."""


class Tail(Protocol):
    """All events since it was opened, for one reader, which remembers its position itself."""

    async def next(self, within_s: float) -> Sequence[Event]:
        """The events that have arrived, each partition in order; empty when none arrive in time. BrokerUnreachable: open
        another tail; events between the two are in neither."""

    async def close(self) -> None:
        """Stops reading."""


class Broker(Protocol):
    """A connection to one broker, made with the first call."""

    async def publisher(self, source: str) -> Publisher:
        """The publisher for the one relay of a source. BrokerUnreachable."""

    async def subscribe(self, group: str, sources: Sequence[str]) -> Subscription:
        """A durable group: it begins with the events published after its first subscription, and those kept from before.
        BrokerUnreachable."""

    async def tail(self, sources: Sequence[str]) -> Tail:
        """A tail from now on; it has all events that are published after this returns. BrokerUnreachable."""

    async def close(self) -> None:
        """Closes the connection; close publishers, subscriptions and tails first."""
