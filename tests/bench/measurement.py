"""One slice of one row: quiet servers, warm-up, a window of load, and its processor time."""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import LiteralString
from urllib.parse import urlsplit

import psycopg
from redis.asyncio import Redis

from tests import databases
from tests.bench import processor
from tests.bench.clients import Clients
from tests.bench.config import Settings
from tests.bench.load import Counted, Slice, Window
from tests.bench.rows import Row
from tests.stack import Stack

PREPARED_PER_S = 5_000
"""Items that a client prepares per second of load, for rows that use items up: more than it can use."""
WAITING: LiteralString = """
SELECT FROM event_log WHERE sent < position UNION ALL (SELECT FROM outbox WHERE published_at IS NULL LIMIT 1)"""
QUIET_WITHIN_S = 120.0
PAUSE_S = 0.1


@dataclass(frozen=True, slots=True)
class Measured:
    """A row's figures for one slice, or the median of several; processor time is per operation, by process."""

    ops_per_s: float
    p50_ms: float
    p99_ms: float
    cpu_us: Mapping[str, float]
    client_cpu_us: float
    failures: Mapping[str, int]

    @property
    def cpu_us_per_op(self) -> float:
        return sum(self.cpu_us.values())


class Meter:
    """Measures slices against servers given by their pids, outboxes and streams."""

    def __init__(
        self, settings: Settings, clients: Clients, pids: Mapping[str, int], outboxes: Sequence[str], streams: str
    ) -> None:
        self._settings = settings
        self._clients = clients
        self._pids = pids
        self._outboxes = outboxes
        self._streams = streams
        self._slices = 0

    async def measure(self, row: Row, per_s: float = 0.0) -> Measured:
        """Measures one slice; if `per_s` is given, the clock starts that many calls per second."""
        self._slices += 1
        seconds, warm_up = self._settings.seconds, self._settings.warm_up_s
        before = math.ceil((seconds + warm_up) * PREPARED_PER_S / row.load.calls_per_id)
        in_flight, per_s = max(1, row.in_flight // len(self._clients)), per_s / len(self._clients)
        one = Slice(row.load, self._slices, in_flight, before, self._settings.connections, per_s)
        await self._clients.prepare(one)
        await self.quiet()
        begin = time.monotonic() + warm_up
        load = asyncio.create_task(self._clients.run(Window(begin, begin + seconds)))
        await asyncio.sleep(begin - time.monotonic())
        used = processor.used_s(self._pids)
        await asyncio.sleep(begin + seconds - time.monotonic())
        used = {name: now - used[name] for name, now in processor.used_s(self._pids).items()}
        return _measured(row, begin, await load, used, warm_up + seconds)

    async def quiet(self) -> None:
        """Waits until relays have published, and consumers have handled, the events of earlier slices: they must not count
        for the next row."""
        deadline = time.monotonic() + QUIET_WITHIN_S
        for url in self._outboxes:
            async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
                while time.monotonic() < deadline:
                    cursor = await connection.execute(WAITING)
                    if await cursor.fetchone() is None:
                        break
                    await asyncio.sleep(PAUSE_S)
                else:
                    raise RuntimeError(f"the outbox of {urlsplit(url).path[1:]} is not empty in {QUIET_WITHIN_S:g} s")
        async with Redis.from_url(self._streams, decode_responses=True, encoding_errors="replace") as streams:
            while not await _all_handled(streams):
                if time.monotonic() > deadline:
                    raise RuntimeError(f"events are not handled in {QUIET_WITHIN_S:g} s")
                await asyncio.sleep(PAUSE_S)


def streams_of(stack: Stack) -> str:
    """The address of the product's event streams."""
    return databases.named(str(stack.run["redis"]), "1")


async def _all_handled(streams: Redis) -> bool:
    async for stream in streams.scan_iter("events:*", _type="stream"):
        newest = (await streams.xinfo_stream(stream))["last-generated-id"]
        for group in await streams.xinfo_groups(stream):
            if group["pending"] or group["last-delivered-id"] != newest:
                return False
    return True


def combined(slices: Sequence[Measured]) -> Measured:
    """Returns the median of each figure; failures are summed."""
    failures: Counter[str] = Counter()
    for one in slices:
        failures.update(one.failures)
    return Measured(
        median(one.ops_per_s for one in slices),
        median(one.p50_ms for one in slices),
        median(one.p99_ms for one in slices),
        {name: median(one.cpu_us[name] for one in slices) for name in slices[0].cpu_us},
        median(one.client_cpu_us for one in slices),
        dict(failures),
    )


def _measured(
    row: Row, begin: float, counted: Sequence[Counted], used: Mapping[str, float], client_s: float
) -> Measured:
    latencies = sorted(latency for one in counted for latency in one.latencies)
    failures: Counter[str] = Counter()
    for one in counted:
        failures.update(one.failures)
    if not latencies:
        raise RuntimeError(f"{row.name}: no call was answered as expected: {dict(failures) or 'none was answered'}")
    elapsed = max(one.last for one in counted) - begin
    operations = len(latencies) * row.per_call
    whole = operations * client_s / elapsed  # the clients' processor time includes the warm-up
    return Measured(
        operations / elapsed,
        _percentile(latencies, 0.50) * 1000,
        _percentile(latencies, 0.99) * 1000,
        {name: seconds * 1e6 / operations for name, seconds in used.items()},
        sum(one.cpu_s for one in counted) * 1e6 / whole,
        dict(failures),
    )


def _percentile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, math.ceil(len(ordered) * share) - 1)]
