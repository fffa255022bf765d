"""Runs the product locally: starts servers, migrations, services, edge and seed, keeps them running, stops them in order."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import Mapping
from contextlib import suppress

from chassis import services, watchdog
from chassis.local import backing, readiness, seed, summary
from chassis.local.backing import Backing
from chassis.local.child import Child
from chassis.local.config import ROOT, Settings
from chassis.local.console import Console
from chassis.local.errors import CannotStart
from chassis.local.kept import Kept
from chassis.local.process import Process
from chassis.local.program import Program
from chassis.local.run_file import RunFile
from chassis.local.watchdog import Watchdog

RANKS = ("postgres", "redis", *services.NAMES, services.EDGE)
"""Processes start in this order and end in reverse, so that none loses a server that it needs."""
SERVER_READY_S = 60.0  # Postgres may have to recover from a crash first
SERVICE_READY_S = 60.0


class Runner:
    """One local run."""

    def __init__(self, settings: Settings, console: Console, watchdog: Watchdog) -> None:
        self._settings = settings
        self._console = console
        self._watchdog = watchdog
        self._kept = Kept(settings.local / "kept.json")
        self._children: dict[str, Child] = {}
        self._run_file: RunFile | None = None

    async def start(self) -> None:
        """Returns when everything is ready; CannotStart when a part cannot become ready."""
        began = time.monotonic()
        database, gate = await asyncio.gather(
            asyncio.to_thread(backing.database, self._settings, self._kept),
            asyncio.to_thread(backing.gate, self._settings, self._kept),
        )
        environment = backing.environment(self._settings, self._kept, database.url, gate.url)
        self._run_file = RunFile(self._settings, environment)
        await asyncio.gather(self._server(database), self._server(gate))
        edge_url = self._settings.edge_url
        async with asyncio.TaskGroup() as group:
            group.create_task(self._process("edge", environment, readiness.http_ready(edge_url)))
            await self._migrate(environment)
            for service in services.NAMES:
                probe = readiness.grpc_serving(self._settings.addresses[service].reachable)
                group.create_task(self._process(service, environment, probe))
        seeded = await self._seed(environment) if self._settings.seed else 0
        self._run_file.publish([self._children[name] for name in RANKS if name in self._children])
        summary.show(self._console, self._settings, environment, seeded, time.monotonic() - began)

    async def stop(self, now: asyncio.Event) -> None:
        """Ends all children, the edge first and Postgres last; `now` set means without waiting."""
        if self._run_file is not None:
            self._run_file.remove()
        for name in reversed(RANKS):
            if name in self._children:
                await self._children[name].stop(now)

    async def _server(self, server: Backing) -> None:
        if server.program is not None:
            child = await self._start(server.program)
            await readiness.wait(child, readiness.answering(server.answers, server.url), SERVER_READY_S)

    async def _migrate(self, environment: Mapping[str, str]) -> None:
        if await self._to_the_end(self._python("migrate", environment, "chassis.local.migrate_all")) != 0:
            raise CannotStart("the databases could not be brought up to date; see the lines above")

    async def _to_the_end(self, program: Program) -> int:
        process = await Process.start(program, len(RANKS), self._console, self._watchdog)
        try:
            return await process.ended()
        except asyncio.CancelledError:  # a migration is one transaction, so it is safe to kill
            process.send(signal.SIGKILL)
            await process.ended()
            raise

    async def _process(self, name: str, environment: Mapping[str, str], probe: readiness.Probe) -> None:
        child = await self._start(self._python(name, environment, services.PACKAGES[name]))
        await readiness.wait(child, probe, SERVICE_READY_S)

    async def _start(self, program: Program) -> Child:
        child = Child(program, RANKS.index(program.name), self._console, self._watchdog, self._changed)
        self._children[program.name] = child
        await child.start()
        return child

    def _changed(self) -> None:
        if self._run_file is not None:
            self._run_file.refresh()

    async def _seed(self, environment: Mapping[str, str]) -> int:
        promo = self._settings.addresses["promo"].reachable
        try:
            return await seed.fill(self._settings.edge_url, promo, environment["API_TOKEN"], self._kept)
        except seed.SeedFailed as failed:  # the product works without the example data
            self._console.say(f"the shop could not be filled with example data: {failed}")
            return 0

    @staticmethod
    def _python(name: str, environment: Mapping[str, str], *module: str) -> Program:
        return Program(name, (sys.executable, "-m", *module), environment, ROOT)


async def run(settings: Settings, lock: int) -> None:
    """Starts, waits for Ctrl-C or SIGTERM, then stops. A second Ctrl-C kills the children without waiting for them."""
    stop, now = asyncio.Event(), asyncio.Event()
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    watchdog.on_stop(lambda: (now if stop.is_set() else stop).set(), None, signals)
    console = Console(settings.colour)
    guard = Watchdog(held=[lock])
    runner = Runner(settings, console, guard)
    stopped = asyncio.create_task(stop.wait())
    starting = asyncio.create_task(runner.start())
    try:
        await asyncio.wait({starting, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done() and not stop.is_set():
            await _result(starting)
            await stopped
    finally:
        starting.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await starting
        stopped.cancel()
        if stop.is_set():
            console.say("\nclosing the shop")
        await runner.stop(now)
        guard.close()


async def _result(starting: asyncio.Task[None]) -> None:
    """Raises the CannotStart of a failed start instead of the exception group around it."""
    try:
        await starting
    except BaseExceptionGroup as group:
        reasons = [reason for reason in group.exceptions if isinstance(reason, CannotStart)]
        if not reasons:
            raise
        raise reasons[0] from None
