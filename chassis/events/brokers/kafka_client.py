"""Shared parts of the Kafka adapter's publisher and readers: settings, a thread for blocking calls, topics, messages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any, TypeVar
from urllib.parse import parse_qsl, unquote, urlsplit

from confluent_kafka import KafkaError, KafkaException, Message
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from chassis.events.broker import BrokerUnreachable
from chassis.events.brokers.arrivals import event_of
from chassis.events.event import PARTITIONS, Event, attributes

T = TypeVar("T")
Settings = dict[str, Any]

CONNECT_S = 3.0
ANSWER_S = 5.0
"""Timeout of a request to the cluster, and of the confirmations of a slice."""
CALL_S = 4 * ANSWER_S
"""A blocking call that takes longer than all of its own timeouts is left to its thread."""
KEPT_MS = 7 * 86_400_000
"""The outbox deletes events after the same time."""
PREFIX = "ce_"
CONTENT_TYPE = "datacontenttype"
HAVE = {KafkaError.TOPIC_ALREADY_EXISTS}


def settings_of(url: str) -> Settings:
    """From kafka://user:password@host:9092,other:9092?security.protocol=SASL_SSL: settings after the ? are librdkafka's."""
    parts = urlsplit(url)
    user, _, hosts = parts.netloc.rpartition("@")
    settings: Settings = {
        "bootstrap.servers": hosts,
        "client.id": "one-stock",
        "socket.timeout.ms": int(ANSWER_S * 1000),
        "socket.connection.setup.timeout.ms": int(CONNECT_S * 1000),
        "reconnect.backoff.max.ms": 1_000,
        "log_level": 0,  # failures are raised
    }
    if user:
        name, _, password = user.partition(":")
        settings |= {"sasl.username": unquote(name), "sasl.password": unquote(password)}
    return settings | dict(parse_qsl(parts.query))


class Thread:
    """Runs the blocking calls of one client, one after the other, outside the event loop."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, "kafka")

    async def run(self, call: Callable[..., T], *arguments: Any) -> T:
        """Returns the call's result; TimeoutError after CALL_S."""
        async with asyncio.timeout(CALL_S):
            return await asyncio.get_running_loop().run_in_executor(self._pool, call, *arguments)

    def end(self) -> None:
        """Ends the thread after the current call."""
        self._pool.shutdown(wait=False)


def topic_of(source: str) -> str:
    """The topic that keeps a source's events."""
    return f"events.{source}"


def make_topics(settings: Settings, sources: Sequence[str]) -> None:
    """Makes missing topics, replicated by the cluster's default; existing topics keep their operator's settings."""
    admin = AdminClient(settings)
    there = admin.list_topics(timeout=CONNECT_S).topics
    missing = [topic_of(source) for source in sources if topic_of(source) not in there]
    config = {"retention.ms": str(KEPT_MS), "cleanup.policy": "delete"}
    topics = [NewTopic(name, num_partitions=PARTITIONS, replication_factor=-1, config=config) for name in missing]
    made = admin.create_topics(topics, operation_timeout=ANSWER_S, request_timeout=ANSWER_S) if topics else {}
    for future in made.values():
        try:
            future.result(timeout=2 * ANSWER_S)
        except KafkaException as failed:
            if failed.args[0].code() not in HAVE:
                raise
    for source in sources:
        name = topic_of(source)
        if name in there and len(there[name].partitions) < PARTITIONS:
            raise BrokerUnreachable(
                f"Kafka: {name} has {len(there[name].partitions)} partitions, it needs {PARTITIONS}"
            )


def headers_of(event: Event) -> list[tuple[str, str | bytes | None]]:
    """Binary content mode: every attribute a header, except the content type, which has its own name."""
    named = attributes(event)
    content_type = named.pop(CONTENT_TYPE)
    return [
        ("content-type", content_type.encode()),
        *((PREFIX + name, value.encode()) for name, value in named.items()),
    ]


def from_message(message: Message) -> Event | None:
    """The reverse of `headers_of`; None for any other message."""
    found: dict[str, str] = {}
    headers: Any = message.headers()
    for name, value in headers or []:
        text = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
        if name == "content-type":
            found[CONTENT_TYPE] = text
        elif name.startswith(PREFIX):
            found[name.removeprefix(PREFIX)] = text
    data = message.value() or b""
    return event_of(found, data if isinstance(data, bytes) else data.encode(), str(message.topic()))


@asynccontextmanager
async def translated() -> AsyncIterator[None]:
    """Raises every failure of the client or cluster as BrokerUnreachable."""
    try:
        yield
    except (KafkaException, BufferError, RuntimeError, OSError, TimeoutError) as broken:
        raise BrokerUnreachable(f"Kafka: {broken!r}") from broken
