"""One run of one program: starts it, forwards its output, and reports its end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal

from chassis.local.console import Console
from chassis.local.program import Program
from chassis.local.watchdog import Watchdog

LINE_BYTES = 1024 * 1024  # a stack trace with a large message is still forwarded whole
LAST_LINES_S = 0.5  # for the last output of a process that ended; its own children may hold the pipe open much longer


class Process:
    """A started program. Its output goes to the console; the watchdog watches it until it has ended."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, watchdog: Watchdog) -> None:
        self._name = name
        self._process = process
        self._watchdog = watchdog
        self._output: asyncio.Task[None] | None = None
        self.pid = process.pid

    @classmethod
    async def start(cls, program: Program, rank: int, console: Console, watchdog: Watchdog) -> Process:
        """Starts the program in its own session, so that Ctrl-C reaches only the runner, which stops programs in order."""
        reading, writing = os.pipe()  # with asyncio's own pipe, wait() would also wait for grandchildren
        try:
            process = await asyncio.create_subprocess_exec(
                *program.command,
                env=dict(program.environment),
                cwd=program.folder,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=writing,
                stderr=writing,
                start_new_session=True,
                **program.account.arguments(),
            )
        except BaseException:
            os.close(reading)
            raise
        finally:
            os.close(writing)
        watchdog.watch(rank, process.pid, program.stop_signal)
        started = cls(program.name, process, watchdog)
        started._output = asyncio.create_task(started._pass_on(reading, console))
        return started

    async def _pass_on(self, descriptor: int, console: Console) -> None:
        reader = asyncio.StreamReader(limit=LINE_BYTES)
        protocol = asyncio.StreamReaderProtocol(reader)
        loop = asyncio.get_running_loop()
        transport, _ = await loop.connect_read_pipe(lambda: protocol, os.fdopen(descriptor, "rb", buffering=0))
        try:
            while True:
                try:
                    line = await reader.readline()
                except ValueError:
                    continue  # the line is longer than LINE_BYTES: the rest follows
                if not line:
                    return
                console.child(self._name, line.decode(errors="replace").rstrip())
        finally:
            transport.close()

    async def ended(self) -> int:
        """Waits for the end; returns the exit code, or minus the signal's number."""
        code = await self._process.wait()
        self._watchdog.forget(self.pid)
        if self._output is not None:
            await asyncio.wait({self._output}, timeout=LAST_LINES_S)
            self._output.cancel()
        return code

    def send(self, number: signal.Signals) -> None:
        """Sends a signal, unless the process has ended."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)
