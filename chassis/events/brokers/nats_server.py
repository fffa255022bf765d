"""Shared parts of the NATS adapter's publisher and readers: connections, streams, and events as NATS messages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import NamedTuple
from urllib.parse import parse_qs, quote, unquote, urlsplit

import nats.errors
from nats.aio.client import Client
from nats.js import JetStreamContext, api
from nats.js.errors import NotFoundError

from chassis import telemetry
from chassis.events.broker import BrokerUnreachable
from chassis.events.brokers.arrivals import event_of
from chassis.events.event import Event, attributes

log = telemetry.logger()

CONNECT_S = 2
ANSWER_S = 5.0
"""Timeout of a request to the server, and of the confirmations of a slice."""
PING_S = 5
"""Interval of pings to the server; after two without a reply it counts as gone."""
KEPT_S = 7 * 86_400.0
"""The outbox deletes events after the same time."""
DUPLICATES_S = 120.0
"""The server itself detects a repeated event within this time; later, consumers do."""
PLAIN = "!#$&'()*+,-./:;<=>?@[\\]^_`{|}~"
"""Characters that a header may hold as they are, with letters and digits; the binding percent-encodes all others."""


class Server(NamedTuple):
    """The addresses of a server or cluster, and the number of its machines that keep a new stream."""

    addresses: Sequence[str]
    replicas: int

    @classmethod
    def of(cls, url: str) -> Server:
        """From nats://user:password@host:4222,other:4222?replicas=3."""
        parts = urlsplit(url)
        user, at, hosts = parts.netloc.rpartition("@")
        replicas = parse_qs(parts.query).get("replicas", ["1"])[0]
        if not replicas.isdigit():
            raise ValueError(f"replicas={replicas} is not a number")
        return cls([f"{parts.scheme}://{user}{at}{host}" for host in hosts.split(",")], int(replicas))

    async def connect(self, lost: Callable[[], Awaitable[None]] | None = None) -> Client:
        """A connection that ends with the server: its owner makes a new one, knowing that it missed events."""
        client = Client()
        try:
            async with asyncio.timeout(CONNECT_S * (1 + len(self.addresses))):
                await client.connect(
                    list(self.addresses),
                    allow_reconnect=False,
                    max_reconnect_attempts=1,  # of each address; 0 means without end
                    reconnect_time_wait=0,
                    connect_timeout=CONNECT_S,
                    ping_interval=PING_S,
                    error_cb=_tell,
                    closed_cb=lost,
                )
        except BaseException:
            await end(client)
            raise
        return client

    async def jetstream(self, client: Client, sources: Sequence[str]) -> JetStreamContext:
        """Returns JetStream with a stream for each source; existing streams keep their operator's settings."""
        jetstream = client.jetstream(timeout=ANSWER_S)
        for source in sources:
            try:
                await jetstream.stream_info(stream_of(source))
            except NotFoundError:
                await jetstream.add_stream(
                    api.StreamConfig(
                        name=stream_of(source),
                        subjects=[f"events.{source}.*"],
                        max_age=KEPT_S,
                        duplicate_window=DUPLICATES_S,
                        num_replicas=self.replicas,
                    )
                )
        return jetstream


def stream_of(source: str) -> str:
    """The stream that keeps a source's events."""
    return f"EVENTS_{source}"


def subject_of(source: str, partition: int) -> str:
    """The subject of a partition's events."""
    return f"events.{source}.{partition}"


def headers_of(event: Event) -> dict[str, str]:
    """Binary content mode: every attribute a header."""
    return {f"ce-{name}": quote(value, safe=PLAIN) for name, value in attributes(event).items()}


def from_message(headers: Mapping[str, str] | None, data: bytes, subject: str) -> Event | None:
    """The reverse of `headers_of`; None for any other message."""
    found = {name[3:]: unquote(value) for name, value in (headers or {}).items() if name.startswith("ce-")}
    return event_of(found, data, subject)


async def end(client: Client) -> None:
    """Closes a connection in whatever state it is."""
    with suppress(nats.errors.Error, OSError, TimeoutError):
        await client.close()


@asynccontextmanager
async def translated() -> AsyncIterator[None]:
    """Raises every failure of the client or server as BrokerUnreachable."""
    try:
        yield
    except (nats.errors.Error, OSError, TimeoutError) as broken:
        raise BrokerUnreachable(f"NATS: {broken!r}") from broken


async def _tell(broken: Exception) -> None:
    log.debug("nats.error", error=repr(broken))
