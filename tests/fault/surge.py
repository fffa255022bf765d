"""More than can be served: reservations of one unit from a process of its own, as cheap as a client can be.

First a closed loop finds the peak, then an open loop offers a multiple of it. The process is nicer than the servers, so
that it does not win their processors by offering more than there is.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import grpc
import uvloop

from gen.inventory.v1 import reservation_service_pb2 as pb
from tests.fault.ledger import Latencies

METHOD = "/inventory.v1.ReservationService/ReserveStock"
IN_FLIGHT = 128
MOST_IN_FLIGHT = 12_000
DEADLINE_S = 2.0
"""Of a buyer in a crowd."""
TICK_S = 0.005
TTL_S = 4
NICE = 5


@dataclass(slots=True)
class Counted:
    """What one loop saw within its time. `goodput` are acknowledgements a second."""

    offered: float = 0.0
    goodput: float = 0.0
    outcomes: Counter[str] = field(default_factory=Counter)
    latencies: Latencies = field(default_factory=Latencies)
    acknowledged: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Crowd:
    """Who asks for what, for how long, and how many times the peak."""

    run: str
    address: str
    skus: tuple[str, ...]
    seconds: float
    times: float


async def surge(crowd: Crowd) -> tuple[Counted, Counted]:
    """The peak, then the overload."""
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
    async with grpc.aio.insecure_channel(crowd.address) as channel:
        peak = await _Loop(crowd, channel, "peak").closed(crowd.seconds)
        over = await _Loop(crowd, channel, "over").open(crowd.seconds, crowd.times * peak.goodput)
    return peak, over


class _Loop:
    def __init__(self, crowd: Crowd, channel: grpc.aio.Channel, name: str) -> None:
        self._crowd = crowd
        self._method: Any = channel.unary_unary(METHOD)
        self._name = name
        self._counted = Counted()
        self._number = 0
        self._end = 0.0

    async def closed(self, seconds: float) -> Counted:
        self._end = time.monotonic() + seconds

        async def worker() -> None:
            while time.monotonic() < self._end:
                await self._one()

        await asyncio.gather(*(worker() for _ in range(IN_FLIGHT)))
        return self._result(seconds)

    async def open(self, seconds: float, rate: float) -> Counted:
        begin = time.monotonic()
        self._end = begin + seconds
        tasks: set[asyncio.Task[None]] = set()
        while (now := time.monotonic()) < self._end:
            due = int((now - begin) * rate)
            while self._number < due and len(tasks) < MOST_IN_FLIGHT:
                task = asyncio.create_task(self._one())
                tasks.add(task)
                task.add_done_callback(tasks.discard)
            await asyncio.sleep(TICK_S)
        await asyncio.gather(*tasks)
        return self._result(seconds)

    async def _one(self) -> None:
        crowd, counted = self._crowd, self._counted
        self._number += 1
        id = f"{crowd.run}-{self._name}-{self._number}"
        line = pb.ReserveLine(sku=crowd.skus[self._number % len(crowd.skus)], quantity=1)
        message = pb.ReserveStockRequest(request_id=id, lines=[line], ttl_seconds=TTL_S).SerializeToString()
        started = time.monotonic()
        try:
            await self._method(message, timeout=DEADLINE_S)
            outcome = "OK"
        except grpc.aio.AioRpcError as failed:
            outcome = failed.code().name
        done = time.monotonic()
        counted.latencies.add(outcome, (done - started) * 1000)
        if outcome == "OK":
            counted.acknowledged.append(id)
            outcome = "OK" if done <= self._end else "OK, late"
        counted.outcomes[outcome] += 1

    def _result(self, seconds: float) -> Counted:
        self._counted.offered = self._number / seconds
        self._counted.goodput = self._counted.outcomes["OK"] / seconds
        return self._counted
