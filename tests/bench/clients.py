"""The load generator: separate processes, each given one slice after the other. loops.py has their work."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import Any

import uvloop

from tests.bench import loops, transports
from tests.bench.load import Counted, Slice, Window


class Clients:
    """Starts the processes, sends them slices, gathers their counts. `close` ends them."""

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
        """Each client does the work that precedes the clock's start."""
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
    """Runs one slice and its window after the other until the other side closes the pipe."""
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
    limit = loops.FAR
    if one.load.before is not None:
        async with transports.opened(one.load.before, loops.PREPARE_IN_FLIGHT, one.connections) as start:
            await loops.prepare(start, one.load.before, one, client)
        limit = one.before_calls * one.load.calls_per_id
    async with transports.opened(one.load, one.in_flight, one.connections) as start:
        pipe.send(None)
        window: Window = pipe.recv()
        measure = loops.Scheduled if one.per_s else loops.Closed
        pipe.send(await measure(start, one, client, window, limit).run())
