"""Accepts several calls of a method at once; grpc's own loop accepts them one after the other.

grpc.aio asks its core for the next call of a method only after it has handed over the previous one: a thread switch and five
turns of the event loop per call, more than all other costs of a small call (grpcio 1.85, `AioServer._server_main_loop`). This
module keeps several requests for calls open, besides grpc's own: the rate of empty calls rises 2.7 times (`make bench`, rows
`echo` and `echo_queued`), and calls that arrive while the loop is busy are ready at its next turn.

It depends on private names of grpcio. If a release of grpcio lacks them, grpc's loop accepts all calls, as it would without
this module.
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
"""Open requests for calls per method, and so the most calls that can arrive in one turn of the loop."""
MOST_UNDER_WAY = 512
"""Unanswered calls of a method that were accepted here. At this number further calls wait in grpc's core, where waiting and
rejection cost a tenth; grpc's own loop continues to accept one after the other."""
CORE, INTERNALS = "_server", "grpc._cython.cygrpc"
ASK, HANDLE, SCHEDULE = "_request_registered_call", "_handle_rpc", "_schedule_rpc_coro"


class Core(NamedTuple):
    """The private parts of grpcio that are used here."""

    is_running: Callable[[], bool]
    ask: Callable[[bytes], Awaitable[Any]]
    """The next call of a registered method. Fails when the server stops."""
    handle: Callable[..., Coroutine[Any, Any, None]]
    schedule: Callable[..., Coroutine[Any, Any, None]]
    """Runs a handler to its end, and cancels it when the caller disconnects."""


class Intake:
    """Accepts calls of the methods in `methods.queued`. `start` it when the server has started; it ends with the server."""

    def __init__(self, server: grpc.aio.Server, methods: Methods) -> None:
        self.core = _core(server)
        """None when this release of grpcio lacks a private name."""
        self._methods = methods
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Begins to accept calls, in the running loop."""
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
    """The calls of one method."""

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
        """Accepts one call after the other until the server stops: then `core.ask` fails, which ends this loop."""
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
