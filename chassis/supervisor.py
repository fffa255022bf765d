"""`python -m chassis.supervisor service workers address arguments...`: runs a service's workers at one address.

A service with several workers becomes this program (workers.py). It starts each worker as a new process with the arguments
of the service, restarts workers that end, and forwards the request to stop. It does not import grpc and serves no calls.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence

from chassis import config, restarts, sockets, telemetry, watchdog
from chassis.config import ConfigError

GRACE_S = 9.5
"""Time for workers to drain, slightly less than a service manager usually grants."""
STOP_WITHIN_S = GRACE_S + 3.0
"""Time for the supervisor itself; by then it has killed workers that did not end."""
SHORT_LIVES = 5
"""When every worker has ended this many times in a row soon after its start, another restart would not help."""

log = telemetry.logger()


class Worker:
    """One numbered process, restarted when it ends."""

    def __init__(self, number: int, command: Sequence[str], lifeline: int, ended: Callable[[], None]) -> None:
        self.short_lives = 0
        self._number = number
        self._command = command
        self._lifeline = lifeline
        self._ended = ended
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = asyncio.Event()

    async def keep(self) -> None:
        """Runs the process; returns when it has ended after `stop`."""
        delay_s = 0.0
        while not self._stopping.is_set():
            began = time.monotonic()
            code = await self._run()
            if self._stopping.is_set():
                return
            lived_s = time.monotonic() - began
            self.short_lives = 0 if lived_s >= restarts.HEALTHY_AFTER_S else self.short_lives + 1
            delay_s = restarts.next_delay(delay_s, lived_s)
            log.warning("worker.ended", worker=self._number, code=code, restart_in_s=delay_s)
            self._ended()
            try:
                await asyncio.wait_for(self._stopping.wait(), delay_s)
            except TimeoutError:
                continue

    def stop(self) -> None:
        """Asks the process to drain and end; it is not restarted."""
        self._stopping.set()
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        """Kills the process when it does not end by itself."""
        self._send(signal.SIGKILL)

    async def _run(self) -> int:
        self._process = await asyncio.create_subprocess_exec(
            *self._command,
            env=config.worker_environment(self._number, self._lifeline),
            stdin=asyncio.subprocess.DEVNULL,
            pass_fds=(self._lifeline,),
        )
        log.info("worker.started", worker=self._number, pid=self._process.pid)
        if self._stopping.is_set():  # `stop` was called while the process was starting
            self._send(signal.SIGTERM)
        return await self._process.wait()

    def _send(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(number)


class Supervisor:
    """All workers of one service."""

    def __init__(self, count: int, command: Sequence[str], lifeline: int) -> None:
        self._workers = [Worker(number, command, lifeline, self._ended) for number in range(count)]
        self._stop = asyncio.Event()
        self.hopeless = False

    async def run(self) -> None:
        """Runs until SIGTERM or SIGINT, or until it is hopeless; returns when all workers have ended."""
        watchdog.on_stop(self._stop.set, STOP_WITHIN_S)
        tasks = [asyncio.create_task(worker.keep()) for worker in self._workers]
        await self._stop.wait()
        for worker in self._workers:
            worker.stop()
        _, late = await asyncio.wait(tasks, timeout=GRACE_S)
        if late:
            log.warning("workers.cut", count=len(late))
            for worker in self._workers:
                worker.kill()
            await asyncio.wait(late)

    def _ended(self) -> None:
        if all(worker.short_lives >= SHORT_LIVES for worker in self._workers):
            self.hopeless = True
            self._stop.set()


def main() -> None:
    """Exits with 0 after a requested stop, otherwise with 1 and one line."""
    service, count, address, *arguments = sys.argv[1:]
    telemetry.configure(service)
    try:
        held = sockets.bound(address)
    except ConfigError as wrong:
        sys.exit(f"{service}: {wrong}")
    lifeline, ours = os.pipe()
    supervisor = Supervisor(int(count), [sys.executable, *arguments], lifeline)
    try:
        asyncio.run(watchdog.watched(supervisor.run()))
    finally:
        held.close()
        os.close(ours)
    if supervisor.hopeless:
        sys.exit(f"{service}: every worker ended {SHORT_LIVES} times soon after its start; see the log lines above")


if __name__ == "__main__":
    main()
