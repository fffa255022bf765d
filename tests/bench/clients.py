"""The load generator: processes of their own, each a closed loop with a fixed number of calls in flight."""

from __future__ import annotations

import asyncio
import itertools
import multiprocessing
import time
from collections import Counter
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import Any

import uvloop

from tests.bench import load as loads
from tests.bench import transports
from tests.bench.load import Counted, Load, Slice, Window
from tests.bench.transports import Call

FAR = 1 << 40
PREPARE_IN_FLIGHT = 4


class Clients:
    """Starts the processes, hands them slices, gathers what they counted. `close` ends them."""

    def __init__(self, number: int) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._pipes: list[Connection[Any, Any]] = []
        self._processes = []
        for client in range(number):
            ours, theirs = spawn.Pipe()
            process = spawn.Process(target=_serve, args=(theirs, client), daemon=True, name=f"bench-client-{client}")
            process.start()
            theirs.close()
            self._pipes.append(ours)
            self._processes.append(process)

    def __len__(self) -> int:
        return len(self._pipes)

    async def prepare(self, one: Slice) -> None:
        """Each client does what must be done before the clock starts."""
        await self._ask(one)

    async def run(self, window: Window) -> Sequence[Counted]:
        """Each client loads the server until the window's end."""
        return await self._ask(window)

    def close(self) -> None:
        for pipe in self._pipes:
            pipe.close()
        for process in self._processes:
            process.join()

    async def _ask(self, what: Slice | Window) -> list[Any]:
        for pipe in self._pipes:
            pipe.send(what)
        answers = await asyncio.gather(*(asyncio.to_thread(pipe.recv) for pipe in self._pipes))
        for answer in answers:
            if isinstance(answer, Exception):
                raise answer
        return answers


def _serve(pipe: Connection[Any, Any], client: int) -> None:
    """One process: a slice, then its window, until the other side closes the pipe."""
    with pipe:
        while True:
            try:
                one: Slice = pipe.recv()
                run = asyncio.run if one.load.transport == "rest" else uvloop.run  # the REST client is asyncio's
                run(_slice(pipe, client, one))
            except (EOFError, KeyboardInterrupt):
                return
            except Exception as failed:
                pipe.send(RuntimeError(repr(failed)))


async def _slice(pipe: Connection[Any, Any], client: int, one: Slice) -> None:
    limit = FAR
    if one.load.before is not None:
        await _prepare(one.load.before, one, client)
        limit = one.before_calls * one.load.calls_per_id
    async with transports.opened(one.load, one.in_flight) as call:
        pipe.send(None)
        window: Window = pipe.recv()
        pipe.send(await _measure(call, one, client, window, limit))


async def _prepare(load: Load, one: Slice, client: int) -> None:
    numbers = iter(range(one.before_calls))
    async with transports.opened(load, PREPARE_IN_FLIGHT) as call:

        async def worker() -> None:
            for number in numbers:
                outcome = await call(loads.body(load, one.number, client, number))
                if outcome != load.expected:
                    raise RuntimeError(f"{load.method}: {outcome}")

        await asyncio.gather(*(worker() for _ in range(PREPARE_IN_FLIGHT)))


async def _measure(call: Call, one: Slice, client: int, window: Window, limit: int) -> Counted:
    """Counts what is answered within the window, whenever it was asked; if that is nothing, then what comes first."""
    latencies: list[float] = []
    failures: Counter[str] = Counter()
    numbers = itertools.count()
    clock, last = time.monotonic, window.begin

    async def worker() -> None:
        nonlocal last
        for number in numbers:
            message = loads.body(one.load, one.number, client, number)
            started = clock()
            if number >= limit or (started >= window.end and number >= one.in_flight):
                return
            outcome = await call(message)
            done = clock()
            if outcome != one.load.expected:
                failures[outcome] += 1
            elif done >= window.begin and (done <= window.end or not latencies):
                latencies.append(done - started)
                last = done

    began = time.process_time()
    await asyncio.gather(*(worker() for _ in range(one.in_flight)))
    last = last if limit < FAR else max(last, window.end)
    return Counted(tuple(latencies), dict(failures), last, time.process_time() - began)
