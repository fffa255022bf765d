"""Redis Streams, the default: one stream per source and partition, `events:inventory:0` to `:7`.

One script sends a slice of events and stores the position of the last one under `events:inventory:position`: this number shows
the relay what a server that was restored, promoted or emptied has lost. A stream is trimmed to the events that its slowest
group has not read, and those of the last minute.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import deque
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import redis.exceptions as failures
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from chassis import redis, telemetry
from chassis.events.broker import Batch, BrokerUnreachable
from chassis.events.event import PARTITIONS, Event, attributes, from_attributes
from chassis.wire import Wire, Word

log = telemetry.logger()

APPEND = (Path(__file__).parent.parent / "lua" / "append.lua").read_text()
APPEND_SHA = hashlib.sha1(APPEND.encode(), usedforsecurity=False).hexdigest()
FIELDS = 10
"""Fields of each entry: the attributes and the data."""
KEPT_MS = 60_000
"""Minimum retention, so that new or lost groups have time to register."""
KEPT_WITHOUT_GROUPS = 100_000
"""Entries per stream, roughly, while no group reads it."""
MOST_KEPT = 1_000_000
"""Entries per stream. When it is full, sending stops: events wait in the outbox for the group that does not read."""
FORGOTTEN_AFTER_MS = 7 * 86_400_000
"""A group without a read for this long is deleted; the outbox deletes events after the same time."""
COUNT = 200
"""Entries of each stream per read."""
MOST_BLOCK_MS = 5_000
"""Longest wait of a read; 0 would mean without end."""
READER = "reader"
"""One member per group reads at a time, and each finds the unfinished entries of the previous one under this name."""


class RedisStreams:
    """A Redis or Valkey server and database that hold nothing but streams."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._client = redis.connect(url)

    async def publisher(self, source: str) -> StreamPublisher:
        return StreamPublisher(self._client, source)

    async def subscribe(self, group: str, sources: Sequence[str]) -> StreamSubscription:
        subscription = StreamSubscription(_reader(self._url), group, sources)
        await subscription.open()
        return subscription

    async def tail(self, sources: Sequence[str]) -> StreamTail:
        tail = StreamTail(_reader(self._url), sources)
        await tail.open()
        return tail

    async def close(self) -> None:
        await self._client.aclose()


class StreamPublisher:
    """See `chassis.events.broker.Publisher`."""

    def __init__(self, client: redis.Client, source: str, kept_ms: int = KEPT_MS) -> None:
        self._client = client
        self._wire = Wire(client)
        self._source = source
        self._kept_ms = kept_ms
        self._mark = f"events:{source}:position"
        self._keys: tuple[Word, ...] = (self._mark, *_streams([source]))
        self._newest = 0
        self._known: set[tuple[str, str]] = set()
        """Streams and the groups that have read them."""
        self._full = False

    async def publish(self, events: Sequence[Event]) -> None:
        if self._full:
            raise BrokerUnreachable(f"a stream of {self._source} has {MOST_KEPT} entries that some group has not read")
        words: list[Word] = [self._newest, events[-1].position, FIELDS]
        for event in events:
            words.append(event.partition)
            words.extend(word for pair in attributes(event).items() for word in pair)
            words += ("data", event.data)
        async with _translated():
            answer = await self._append(words)
        if answer[0] != "APPENDED":
            await self._reconnect()
            raise BrokerUnreachable(
                f"Redis has {answer[1]} as newest of {self._source} where {self._newest} was expected"
            )
        self._newest = events[-1].position

    async def newest_position(self) -> int | None:
        async with _translated():
            self._newest = int(await self._client.get(self._mark) or 0)
        return self._newest

    async def maintain(self) -> None:
        async with _translated():
            lengths = [await self._trim(stream) for stream in _streams([self._source])]
        self._full = max(lengths) > MOST_KEPT

    async def close(self) -> None:
        self._wire.close()

    async def _reconnect(self) -> None:
        """Drops the connections. Behind a proxy that hides a restart of the server, one may have lost its database (SELECT), so
        that the two kinds of connections see different streams until both are new."""
        self._wire.close()
        await self._client.connection_pool.disconnect(inuse_connections=False)

    async def _append(self, words: Sequence[Word]) -> Any:
        keys: tuple[Word, ...] = (len(self._keys), *self._keys)
        try:
            return await self._wire.call("EVALSHA", APPEND_SHA, *keys, *words)
        except failures.NoScriptError:
            return await self._wire.call("EVAL", APPEND, *keys, *words)

    async def _trim(self, stream: str) -> int:
        """Trims what every group has read; returns the length before that."""
        length = int(await self._client.xlen(stream))
        if not length:
            return 0
        groups = await self._groups(stream)
        names = {str(group["name"]) for group in groups}
        self._known |= {(stream, name) for name in names}
        if any(name not in names for known, name in self._known if known == stream):
            return length  # the server was emptied and this group is not back: its position is unknown
        unread = [first for group in groups if (first := await self._first_unread(stream, group))]
        if unread:
            young = f"{await self._now_ms() - self._kept_ms}-0"
            await self._client.xtrim(stream, minid=min([*unread, young], key=_order), approximate=True)
        elif length > KEPT_WITHOUT_GROUPS:
            await self._client.xtrim(stream, maxlen=KEPT_WITHOUT_GROUPS, approximate=True)
        return length

    async def _now_ms(self) -> int:
        """The server's clock, which names the entries."""
        now: Any = await self._client.time()
        return int(now[0]) * 1000 + int(now[1]) // 1000

    async def _groups(self, stream: str) -> list[dict[str, Any]]:
        found: Any = await self._client.xinfo_groups(stream)
        return [{str(name): value for name, value in group.items()} for group in found]

    async def _first_unread(self, stream: str, group: dict[str, Any]) -> str | None:
        """The first entry that this group still needs; None when the group was deleted."""
        members: Any = await self._client.xinfo_consumers(stream, group["name"])
        if members and min(member["idle"] for member in members) > FORGOTTEN_AFTER_MS:
            log.warning("streams.group_forgotten", stream=stream, group=group["name"])
            await self._client.xgroup_destroy(stream, group["name"])
            self._known.discard((stream, str(group["name"])))
            return None
        pending: Any = await self._client.xpending(stream, group["name"])
        return str(pending["min"] or group["last-delivered-id"])


class StreamSubscription:
    """See `chassis.events.broker.Subscription`."""

    def __init__(self, client: Redis, group: str, sources: Sequence[str]) -> None:
        self._client = client
        self._group = group
        self._streams = list(_streams(sources))
        self._undone = list(self._streams)
        self._read: deque[Batch] = deque()
        self._done: list[Batch] = []
        self._under_way: set[str] = set()

    async def open(self) -> None:
        """Makes the group where it is missing: it begins with all entries that the streams still hold."""
        async with _translated():
            for stream in self._streams:
                await self._make_group(stream)

    async def next(self, within_s: float) -> Batch | None:
        if not self._read and within_s:
            async with _translated():
                await self._forget_done()
                await self._fill(int(within_s * 1000))
        if not self._read:
            return None
        batch = self._read.popleft()
        self._under_way.add(f"events:{batch.source}:{batch.partition}")
        return batch

    async def ack(self, batch: Batch) -> None:
        self._done.append(batch)
        self._under_way.discard(f"events:{batch.source}:{batch.partition}")

    async def close(self) -> None:
        try:
            async with _translated():
                await self._forget_done()
        finally:
            await self._client.aclose()

    async def _forget_done(self) -> None:
        """Acknowledges the batches handled since the last read, in one round trip."""
        if not self._done:
            return
        async with self._client.pipeline(transaction=False) as pipeline:
            for batch in self._done:
                stream = f"events:{batch.source}:{batch.partition}"
                pipeline.xack(stream, self._group, *batch.token)  # type: ignore[misc]
            await pipeline.execute()
        self._done.clear()

    async def _fill(self, block_ms: int) -> None:
        """Reads the unfinished entries of an earlier reader first, then new ones; skips streams that have a batch under way."""
        for stream in [stream for stream in self._undone if stream not in self._under_way]:
            self._keep(await self._ask({stream: "0"}))
            if self._read:
                return
            self._undone.remove(stream)
        free = [stream for stream in self._streams if stream not in self._under_way]
        block_ms = max(1, min(block_ms, MOST_BLOCK_MS))
        if free:
            self._keep(await self._ask(dict.fromkeys(free, ">"), block_ms))
        else:
            await asyncio.sleep(block_ms / 1000)

    async def _ask(self, places: dict[str, str], block_ms: int | None = None) -> Any:
        try:
            return await self._client.xreadgroup(self._group, READER, places, count=COUNT, block=block_ms)  # type: ignore[arg-type]
        except failures.ResponseError as refused:
            if not str(refused).startswith("NOGROUP"):
                raise
            for stream in self._streams:  # the server has lost the groups, or was replaced
                await self._make_group(stream)
            return None

    def _keep(self, answer: Any) -> None:
        for stream, entries in _entries(answer):
            if entries:
                _, source, partition = stream.split(":")
                events = [_event(fields) for _, fields in entries]
                self._read.append(Batch(source, int(partition), events, [name for name, _ in entries]))

    async def _make_group(self, stream: str) -> None:
        try:
            await self._client.xgroup_create(stream, self._group, id="0", mkstream=True)
        except failures.ResponseError as refused:
            if not str(refused).startswith("BUSYGROUP"):
                raise


class StreamTail:
    """See `chassis.events.broker.Tail`."""

    def __init__(self, client: Redis, sources: Sequence[str]) -> None:
        self._client = client
        self._places = dict.fromkeys(_streams(sources), "0")

    async def open(self) -> None:
        """Stores the current end of each stream."""
        async with _translated():
            for stream in self._places:
                newest: Any = await self._client.xrevrange(stream, count=1)
                self._places[stream] = newest[0][0].decode() if newest else "0"

    async def next(self, within_s: float) -> Sequence[Event]:
        block_ms = max(1, min(int(within_s * 1000), MOST_BLOCK_MS))
        async with _translated():
            answer: Any = await self._client.xread(self._places, count=COUNT, block=block_ms)  # type: ignore[arg-type]
        events: list[Event] = []
        for stream, entries in _entries(answer):
            events.extend(_event(fields) for _, fields in entries)
            self._places[stream] = entries[-1][0].decode()
        return events

    async def close(self) -> None:
        await self._client.aclose()


def _reader(url: str) -> Redis:
    """A separate connection, whose timeout allows for blocking reads."""
    client: Redis = Redis.from_url(
        url,
        single_connection_client=True,
        socket_timeout=MOST_BLOCK_MS / 1000 + redis.SOCKET_TIMEOUT_S,
        socket_connect_timeout=redis.SOCKET_TIMEOUT_S,
        retry=Retry(NoBackoff(), 0),
        decode_responses=False,
    )
    return client


def _streams(sources: Iterable[str]) -> Iterable[str]:
    return (f"events:{source}:{partition}" for source in sources for partition in range(PARTITIONS))


def _entries(answer: Any) -> list[tuple[str, Any]]:
    """Streams and their entries; the shape of the reply depends on the negotiated protocol version."""
    pairs = answer.items() if isinstance(answer, dict) else answer or []
    return [(name.decode(), _flat(entries)) for name, entries in pairs]


def _flat(entries: Any) -> Any:
    return [entry for group in entries for entry in group] if entries and isinstance(entries[0], list) else entries


def _event(fields: dict[bytes, bytes]) -> Event:
    data = fields.pop(b"data")
    return from_attributes({name.decode(): value.decode() for name, value in fields.items()}, data)


def _order(name: str) -> tuple[int, int]:
    milliseconds, _, number = name.partition("-")
    return int(milliseconds), int(number or 0)


@asynccontextmanager
async def _translated() -> AsyncIterator[None]:
    try:
        yield
    except (failures.RedisError, OSError, TimeoutError) as broken:
        raise BrokerUnreachable(f"Redis: {broken}") from broken
