"""Overload: reservations of one unit from a separate process, as cheap as a client can be.

First a closed loop finds the peak, then an open loop offers a multiple of it. The process has a higher nice value than
the servers, so that it does not take their processors by offering more than they can serve.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import time
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import uvloop

from gen.inventory.v1 import reservation_service_pb2 as pb
from tests.bench.channel import Channel
from tests.fault.ledger import Latencies

METHOD = "/inventory.v1.ReservationService/ReserveStock"
IN_FLIGHT = 128
MOST_IN_FLIGHT = 80_000
DEADLINE_S = 2.0
"""The deadline of each call."""
TICK_S = 0.005
TTL_S = 4
NICE = 5


@dataclass(slots=True)
class Counted:
    """Counts of one loop within its time. `goodput` is acknowledgements a second."""

    offered: float = 0.0
    goodput: float = 0.0
    outcomes: Counter[str] = field(default_factory=Counter)
    latencies: Latencies = field(default_factory=Latencies)
    acknowledged: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Crowd:
    """The load: callers, goods, duration, and the multiple of the peak."""

    run: str
    address: str
    skus: tuple[str, ...]
    seconds: float
    times: float
    connections: int


async def surge(crowd: Crowd) -> tuple[Counted, Counted]:
    """Runs the peak, then the overload."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=_serve, args=(theirs, crowd), daemon=True)
    process.start()
    theirs.close()
    with ours:
        found: tuple[Counted, Counted] = await asyncio.to_thread(ours.recv)
    await asyncio.to_thread(process.join)
    return found


def _serve(pipe: Any, crowd: Crowd) -> None:
    os.nice(NICE)
    with pipe:
        pipe.send(uvloop.run(_both(crowd)))


async def _both(crowd: Crowd) -> tuple[Counted, Counted]:
    channel = Channel(crowd.address, METHOD, int(DEADLINE_S), connections=crowd.connections)
    await channel.open()
    try:
        peak = await _Loop(crowd, channel, "peak").closed(crowd.seconds)
        over = await _Loop(crowd, channel, "over").open(crowd.seconds, crowd.times * peak.goodput)
    finally:
        channel.close()
    return peak, over


class _Loop:
    def __init__(self, crowd: Crowd, channel: Channel, name: str) -> None:
        self._crowd = crowd
        self._channel = channel
        self._name = name
        self._counted = Counted()
        self._number = 0
        self._in_flight = 0
        self._idle = asyncio.Event()
        self._end = 0.0

    async def closed(self, seconds: float) -> Counted:
        """Enough concurrent calls to keep the server busy: the next request follows each answer."""
        self._end = time.monotonic() + seconds
        for _ in range(IN_FLIGHT):
            self._one(follow=True)
        await self._idle.wait()
        return self._result(seconds)

    async def open(self, seconds: float, rate: float) -> Counted:
        """A fixed rate per second, whatever the answers are."""
        begin = time.monotonic()
        self._end = begin + seconds
        while (now := time.monotonic()) < self._end:
            due = int((now - begin) * rate)
            while self._number < due and self._in_flight < MOST_IN_FLIGHT:
                self._one(follow=False)
            await asyncio.sleep(TICK_S)
        if self._in_flight:
            self._idle.clear()
            await self._idle.wait()
        return self._result(seconds)

    def _one(self, follow: bool) -> None:
        crowd = self._crowd
        self._number += 1
        self._in_flight += 1
        id = f"{crowd.run}-{self._name}-{self._number}"
        line = pb.ReserveLine(sku=crowd.skus[self._number % len(crowd.skus)], quantity=1)
        message = pb.ReserveStockRequest(request_id=id, lines=[line], ttl_seconds=TTL_S).SerializeToString()
        self._channel.start(message, partial(self._done, id, time.monotonic(), follow))

    def _done(self, id: str, started: float, follow: bool, outcome: str) -> None:
        counted, done = self._counted, time.monotonic()
        counted.latencies.add(outcome, (done - started) * 1000)
        if outcome == "OK":
            counted.acknowledged.append(id)
            outcome = "OK" if done <= self._end else "OK, late"
        counted.outcomes[outcome] += 1
        self._in_flight -= 1
        if follow and done < self._end:
            self._one(follow)
        elif not self._in_flight:
            self._idle.set()

    def _result(self, seconds: float) -> Counted:
        self._counted.offered = self._number / seconds
        self._counted.goodput = self._counted.outcomes["OK"] / seconds
        return self._counted
