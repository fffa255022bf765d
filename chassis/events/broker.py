"""What the house asks of a broker: eight ordered partitions per source, at least once, and who reads says when it is done.

One file of `brokers/` per broker; tests/chassis/events/ holds them to it. Which one is a setting: BROKER_URL.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from chassis.events.event import Event


class BrokerUnreachable(Exception):
    """The broker does not answer, or refuses. What was sent may have arrived: sending it again is right."""


class Batch(NamedTuple):
    """Events of one partition of one source, in order. `token` is the broker's own."""

    source: str
    partition: int
    events: list[Event]
    token: object = None


class Publisher(Protocol):
    """Brings one source's events to the broker. One at a time per source: its order is that of the calls."""

    async def publish(self, events: Sequence[Event]) -> None:
        """Returns when the broker keeps all of them, each partition in their order. BrokerUnreachable: then each partition may
        have any first part of its events, never a later one without those before it."""

    async def newest_position(self) -> int | None:
        """The position of the newest event that the broker has seen of this source; 0 when it knows of none, None when it
        cannot tell: it is trusted then. BrokerUnreachable."""

    async def maintain(self) -> None:
        """What must be done every few seconds, such as trimming what every group has read. BrokerUnreachable."""

    async def close(self) -> None:
        """Sends nothing any more."""


class Subscription(Protocol):
    """One group's events. What is not acknowledged comes again, to whoever reads for the group then."""

    async def next(self, within_s: float) -> Batch | None:
        """The next events of some partition; None when none come in time, and with 0 when none are at hand already.

        A partition's next batch may come before its last one is acknowledged: take them in this order.
        BrokerUnreachable: close it and subscribe again.
        """

    async def ack(self, batch: Batch) -> None:
        """They are done with. The broker may learn it with the next call, so they may come again after a crash, or with
        BrokerUnreachable."""

    async def close(self) -> None:
        """Lets another member of the group go on."""


class Tail(Protocol):
    """All events from the moment it was opened, for one reader, which remembers its place itself."""

    async def next(self, within_s: float) -> Sequence[Event]:
        """What has come, each partition in order; nothing when nothing comes in time. BrokerUnreachable: open another one;
        what comes between the two is in neither."""

    async def close(self) -> None:
        """Reads no more."""


class Broker(Protocol):
    """A connection to one broker. Nothing is asked of it before the first call."""

    async def publisher(self, source: str) -> Publisher:
        """For the one relay of a source. BrokerUnreachable."""

    async def subscribe(self, group: str, sources: Sequence[str]) -> Subscription:
        """A durable group: it begins with what is published after its first subscription, and what was kept before.
        BrokerUnreachable."""

    async def tail(self, sources: Sequence[str]) -> Tail:
        """From now on; what is published after this returns is in it. BrokerUnreachable."""

    async def close(self) -> None:
        """Ends the connection; publishers, subscriptions and tails are closed before."""


_EXTRAS = {
    "kafka": ("kafka", "kafka", "Kafka"),
    "amqp": ("rabbitmq", "rabbitmq", "RabbitMQ"),
    "amqps": ("rabbitmq", "rabbitmq", "RabbitMQ"),
    "nats": ("nats", "nats", "Nats"),
    "tls": ("nats", "nats", "Nats"),
}
"""Scheme to the extra that brings its client library, the module of `brokers/` and its class."""
SCHEMES = ("redis", "rediss", "unix", *_EXTRAS)


def connect(url: str) -> Broker:
    """The broker at `url`, such as redis://host:6379/1 or nats://host:4222. ValueError for a URL that is none; ImportError with
    one line that says what to install."""
    scheme = url.partition("://")[0]
    if scheme in ("redis", "rediss", "unix"):
        from chassis.events.brokers.redis_streams import RedisStreams

        return RedisStreams(url)
    if scheme not in _EXTRAS:
        raise ValueError(f"{scheme}:// is no broker that we know; there are {', '.join(SCHEMES)}")
    extra, module, name = _EXTRAS[scheme]
    try:
        found = importlib.import_module(f"chassis.events.brokers.{module}")
    except ModuleNotFoundError as missing:
        raise ImportError(f"{scheme}:// needs {missing.name}: in a checkout, pip install '.[{extra}]'") from missing
    broker: Broker = getattr(found, name)(url)
    return broker
