"""The load generator: an open loop in its own processes. A client that waits for an answer does not delay the others."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import time
from collections.abc import Coroutine
from multiprocessing.connection import Connection
from multiprocessing.sharedctypes import Synchronized
from typing import Any

import grpc
import uvloop

from chassis import process as chassis_process
from tests.fault.journeys import Journeys, Spec
from tests.fault.ledger import Ledger

TICK_S = 0.01
MOST_AT_ONCE = 3_000
"""Journeys in flight in one process: an outage of a minute must not fill the memory."""
REQUESTS_PER_JOURNEY = 2.0
"""A reserve, mostly a commit or release, some duplicates."""
FINISH_S = 12.0
"""Time after the load ends in which journeys may finish; outcomes that are open afterwards count as unknown."""
OPTIONS = [
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 3_000),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 500),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_retries", 0),
]


RETRY = {
    "methodConfig": [
        {
            "name": [{}],
            "retryPolicy": {
                "maxAttempts": 5,
                "initialBackoff": "0.1s",
                "maxBackoff": "1s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ]
}
RETRIED = [
    *(option for option in OPTIONS if option[0] != "grpc.enable_retries"),
    ("grpc.service_config", json.dumps(RETRY)),
]
"""The retry policy of an ordinary client."""


class Generators:
    """Starts the processes, gives them a load, gathers their ledgers. `close` ends them."""

    def __init__(self, number: int) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._acked: list[Synchronized[int]] = []
        self._pipes: list[Connection[Any, Any]] = []
        self._processes = []
        for client in range(number):
            ours, theirs = spawn.Pipe()
            acked = spawn.Value("q", 0)
            process = spawn.Process(target=_serve, args=(theirs, client, acked, number), daemon=True)
            process.start()
            theirs.close()
            self._acked.append(acked)
            self._pipes.append(ours)
            self._processes.append(process)

    @property
    def answered(self) -> int:
        """Requests with a final answer, in all loads so far."""
        return sum(each.value for each in self._acked)

    def begin(self, spec: Spec) -> None:
        """Starts the load."""
        for pipe in self._pipes:
            pipe.send(spec)

    async def end(self, finish_s: float = FINISH_S) -> Ledger:
        """Starts no new journeys and waits at most `finish_s` for those in flight."""
        for pipe in self._pipes:
            pipe.send(finish_s)
        ledger = Ledger()
        for answer in await asyncio.gather(*(asyncio.to_thread(pipe.recv) for pipe in self._pipes)):
            if isinstance(answer, Exception):
                raise answer
            ledger.join(answer)
        return ledger

    def close(self) -> None:
        """Ends the processes."""
        for pipe in self._pipes:
            pipe.close()
        for process in self._processes:
            process.join(FINISH_S)
            process.kill()


def _serve(pipe: Connection[Any, Any], client: int, acked: Synchronized[int], clients: int) -> None:
    """Runs one load after the other until the other side closes the pipe."""
    chassis_process.allow_many_connections()
    with pipe:
        while True:
            try:
                spec: Spec = pipe.recv()
                uvloop.run(_load(pipe, client, spec, acked, clients))
            except (EOFError, KeyboardInterrupt):
                return
            except Exception as failed:
                pipe.send(RuntimeError(repr(failed)))


async def _load(pipe: Connection[Any, Any], client: int, spec: Spec, acked: Synchronized[int], clients: int) -> None:
    def count() -> None:
        acked.value += 1

    options = RETRIED if spec.retried_by_grpc else OPTIONS
    channels = [grpc.aio.insecure_channel(spec.address, options=options) for _ in range(spec.channels)]
    journeys = Journeys(spec, channels, f"{spec.run}-{client}", count)
    tasks: set[asyncio.Task[None]] = set()
    ending = asyncio.create_task(asyncio.to_thread(pipe.recv))
    begin, number = time.monotonic(), 0
    per_s = spec.rate / clients / REQUESTS_PER_JOURNEY
    while not ending.done():
        due = int((time.monotonic() - begin) * per_s)
        while number < due:
            number += 1
            if len(tasks) >= MOST_AT_ONCE:
                journeys.ledger.skipped += 1
                continue
            _start(tasks, journeys, journeys.run(number, client))
        await asyncio.sleep(TICK_S)
    finish_s: float = ending.result()
    journeys.patience_until = time.monotonic() + finish_s
    if tasks:
        _, late = await asyncio.wait(tasks, timeout=finish_s + spec.timeout_s)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
    for channel in channels:
        await channel.close()
    pipe.send(journeys.ledger)


def _start(tasks: set[asyncio.Task[None]], journeys: Journeys, journey: Coroutine[Any, Any, None]) -> None:
    def ended(task: asyncio.Task[None]) -> None:
        tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            journeys.ledger.outcomes[f"bug {task.exception()!r}"] += 1

    task = asyncio.create_task(journey)
    tasks.add(task)
    task.add_done_callback(ended)
