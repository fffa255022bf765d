"""Takes many calls of a method at once, where grpc's own loop takes them one after the other.

grpc.aio asks its core for the next call of a method when it has handed the one before over: a change of threads and five turns
of the event loop for each, more than all else that a small call costs (grpcio 1.85, `AioServer._server_main_loop`). Here a few
are open at any time, beside grpc's: a call that does nothing is served 2.7 times as often (`make bench`, rows `echo` and
`echo_queued`), and what arrives while the loop is busy is there at its next turn.

It stands on what grpc keeps to itself. With a release of grpcio that has that no longer, grpc's loop takes all calls, as it
would without us.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, NamedTuple

import grpc

from chassis import telemetry
from chassis.methods import Methods

log = telemetry.logger()

ASKS = 16
"""Open at once for each method: as many calls may arrive in one turn of the loop."""
MOST_UNDER_WAY = 512
"""Calls of a method that were taken here and are not answered. With so many the next ones wait in grpc's core, where waiting
and being refused cost a tenth; its own loop goes on to take one after the other."""
CORE, INTERNALS = "_server", "grpc._cython.cygrpc"
ASK, HANDLE, SCHEDULE = "_request_registered_call", "_handle_rpc", "_schedule_rpc_coro"


class Core(NamedTuple):
    """What is used of grpc's inside."""

    is_running: Callable[[], bool]
    ask: Callable[[bytes], Awaitable[Any]]
    """The next call of a registered method. Fails when the server stops."""
    handle: Callable[..., Coroutine[Any, Any, None]]
    schedule: Callable[..., Coroutine[Any, Any, None]]
    """Runs a handling to its end, and cuts it when the caller goes away."""


class Intake:
    """For the methods of `methods.queued`. `start` it when the server has started; it ends with the server."""

    def __init__(self, server: grpc.aio.Server, methods: Methods) -> None:
        self.core = _core(server)
        """None where this release of grpcio has not what is needed."""
        self._methods = methods
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Begins to take calls, in the running loop."""
        if self.core is None:
            log.warning("intake.one_after_the_other", grpcio=grpc.__version__)
            return
        for name in self._methods.queued:
            queue = _Queue(self.core, self._methods, f"/{name}", self._run)
            for _ in range(ASKS):
                self._run(queue.take())

    def _run(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


class _Queue:
    """One method's calls."""

    def __init__(
        self,
        core: Core,
        methods: Methods,
        path: str,
        run: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
    ) -> None:
        self._core = core
        self._methods = methods
        self._path = path
        self._registered = path.encode()
        self._run = run
        self._under_way = 0
        self._room = asyncio.Event()
        self._room.set()

    async def take(self) -> None:
        """One call after the other, until the server stops: what is asked for then fails, and so ends this."""
        core, path, loop = self._core, self._path, asyncio.get_running_loop()
        while True:
            await self._room.wait()
            if not core.is_running():
                return
            try:
                call = await core.ask(self._registered)
            except Exception as failed:
                if core.is_running():
                    log.warning("intake.ended", method=path, error=repr(failed))
                return
            self._under_way += 1
            if self._under_way >= MOST_UNDER_WAY:
                self._room.clear()
            handling = core.handle(path, self._methods, (), call, loop, False)
            self._run(core.schedule(handling, call, loop, path)).add_done_callback(self._ended)

    def _ended(self, _task: asyncio.Task[None]) -> None:
        self._under_way -= 1
        if self._under_way < MOST_UNDER_WAY:
            self._room.set()


def _core(server: grpc.aio.Server) -> Core | None:
    try:
        inside, internals = getattr(server, CORE), importlib.import_module(INTERNALS)
        found = (getattr(inside, ASK), getattr(internals, HANDLE), getattr(internals, SCHEDULE))
        return Core(inside.is_running, *found)
    except (AttributeError, ImportError):
        return None
