"""The calls that count in a slice, with a server whose answers the test controls."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import pytest

from tests.bench import loops
from tests.bench.http2 import Done
from tests.bench.load import ID, Load, Slice, Window

LOAD = Load("grpc", "", "", (ID.encode(),))
ALWAYS = Window(0.0, float("inf"))
ONE = Slice(LOAD, number=1, in_flight=3, before_calls=0)


class Answering:
    """Completes each call in the next turn of the loop."""

    def __init__(self, outcome: str = "OK") -> None:
        self._outcome = outcome
        self.messages: list[bytes] = []

    def start(self, message: bytes, done: Done) -> None:
        self.messages.append(message)
        asyncio.get_running_loop().call_soon(done, self._outcome)


async def test_a_closed_loop_makes_its_calls_and_ends() -> None:
    server = Answering()
    counted = await loops.Closed(server.start, ONE, 0, ALWAYS, 10).run()
    assert len(counted.latencies) == len(set(server.messages)) == 10


async def test_what_is_not_expected_is_counted_apart() -> None:
    counted = await loops.Closed(Answering("UNAVAILABLE").start, ONE, 0, ALWAYS, 10).run()
    assert (counted.latencies, counted.failures) == ((), {"UNAVAILABLE": 10})


async def test_answers_before_the_window_do_not_count() -> None:
    began = time.monotonic()
    window = Window(began + 0.05, began + 0.1)
    server = Answering()
    counted = await loops.Closed(server.start, ONE, 0, window, loops.FAR).run()
    assert 0 < len(counted.latencies) < len(server.messages)


async def test_a_schedule_counts_latency_from_when_a_call_was_due(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr("tests.bench.loops._clock", clock)
    server = Answering()

    def stall_once(message: bytes, done: Done) -> None:
        """Calls that were due meanwhile are late through no fault of their own, as a buyer experiences it."""
        if not server.messages:
            clock.now += 0.005
        server.start(message, done)

    counted = await loops.Scheduled(stall_once, replace(ONE, per_s=1000.0), 0, Window(0.0, 0.01), loops.FAR).run()
    assert len(counted.latencies) == len(server.messages)
    assert sum(latency > 0.001 for latency in counted.latencies) >= 3


class Clock:
    """Advances a tenth of a millisecond at each reading."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 0.0001
        return self.now
