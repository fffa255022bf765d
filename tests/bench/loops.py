"""The work of a client in its slice: calls started by answers (closed) or by the clock (scheduled), and their times."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from dataclasses import replace
from functools import partial

from tests.bench import load as loads
from tests.bench.load import Counted, Load, Slice, Window
from tests.bench.transports import Start

FAR = 1 << 40
PREPARE_IN_FLIGHT = 4
_clock = time.monotonic


class Closed:
    """A fixed number of calls in flight: each answer starts the next call, `limit` in all.

    Counts calls answered within the window, whenever they were started; if there are none, the first later one.
    """

    def __init__(self, start: Start, one: Slice, client: int, window: Window, limit: int) -> None:
        self._start = start
        self._slice = one
        self._body = partial(loads.body, one.load, one.number, client)
        self._expected = one.load.expected
        self._window = window
        self._limit = limit
        self._number = 0
        self._open = 0
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._latencies: list[float] = []
        self._failures: Counter[str] = Counter()
        self._last = window.begin

    async def run(self) -> Counted:
        """Runs until the window ends or all calls are made."""
        began = time.process_time()
        await self._run()
        last = self._last if self._limit < FAR else max(self._last, self._window.end)
        return Counted(tuple(self._latencies), dict(self._failures), last, time.process_time() - began)

    async def _run(self) -> None:
        self._open = self._slice.in_flight
        for _ in range(self._slice.in_flight):
            self._next()
        await self._ended

    def _next(self) -> None:
        number, now = self._number, _clock()
        if number < self._limit and (now < self._window.end or number < self._slice.in_flight):
            self._number = number + 1
            self._start(self._body(number), partial(self._done, now))
            return
        self._open -= 1
        if not self._open:
            self._ended.set_result(None)

    def _done(self, began: float, outcome: str) -> None:
        now = _clock()
        if outcome != self._expected:
            self._failures[outcome] += 1
        elif now >= self._window.begin and (now <= self._window.end or not self._latencies):
            self._latencies.append(now - began)
            self._last = now
        self._next()


class Scheduled(Closed):
    """Calls are started by the clock, however long the answers take, so that latency shows a queue.

    Latency is measured from a call's due time. Counts calls that were due within the window, whenever they are answered.
    """

    async def _run(self) -> None:
        period = 1 / self._slice.per_s
        first = _clock() + period * random.random()  # so that the clients do not start theirs at the same moment
        self._open = 1
        for number in range(max(1, int((self._window.end - first) / period))):
            due = first + number * period
            while (early := due - _clock()) > 0:
                await asyncio.sleep(early)
            self._open += 1
            self._start(self._body(number), partial(self._done, due))
        self._close_one()
        await self._ended

    def _done(self, began: float, outcome: str) -> None:
        now = _clock()
        if outcome != self._expected:
            self._failures[outcome] += 1
        elif began >= self._window.begin:
            self._latencies.append(now - began)
            self._last = now
        self._close_one()

    def _close_one(self) -> None:
        self._open -= 1
        if not self._open:
            self._ended.set_result(None)


async def prepare(start: Start, load: Load, one: Slice, client: int) -> None:
    """Prepares the data that the slice's calls need. RuntimeError if a server does not answer as expected."""
    before = replace(one, load=load, in_flight=PREPARE_IN_FLIGHT, per_s=0.0)
    found = await Closed(start, before, client, Window(0.0, float("inf")), one.before_calls).run()
    if found.failures:
        raise RuntimeError(f"{load.method}: {found.failures}")
