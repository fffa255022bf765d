"""One client from hello to close, over a WebSocket or as server-sent events."""

from __future__ import annotations

import asyncio
import contextvars
import random
import time
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, Protocol

from chassis import telemetry
from chassis.errors import ServiceError
from edge.push import metrics
from edge.push.catch_up import CatchUp
from edge.push.hub import HEARTBEAT_S, Hub
from edge.push.pushed import Pushed
from edge.push.services import StockReader
from edge.push.subscriber import (
    BEAT,
    FAILED,
    GONE,
    MOST_WAITING,
    MOST_WAITING_BYTES,
    RESTART,
    TOO_SLOW,
    TRY_AGAIN,
    Control,
    Ending,
    Subscriber,
)

log = telemetry.logger()

MOST_JITTER_MS = 2_000
"""Jitter: clients of a process that ends reconnect spread over this time."""
SNAPSHOT_TRIES = 10
SNAPSHOT_PAUSE_S = 0.5


class Wire(Protocol):
    """The transport to one client. Each method raises the server's own error when the client is gone."""

    async def events(self, batch: Sequence[Pushed], token: str) -> None:
        """Sends several events, and the token to resume after the last one."""

    async def say(self, word: str, body: Any, token: str | None) -> None:
        """Sends any other message; `token` when it advances the client."""

    async def part(self, word: str, body: Mapping[str, Any], ending: Ending) -> None:
        """Sends the last message and closes, without waiting long for a client that does not read."""

    async def heard(self) -> None:
        """Receives messages; returns when the client is gone."""


class Session:
    """Created when the client is admitted. `run` returns when it is gone."""

    def __init__(self, hub: Hub, stock: StockReader, subscriber: Subscriber, wire: Wire, snapshot: bool) -> None:
        self._hub = hub
        self._stock = stock
        self._subscriber = subscriber
        self._wire = wire
        self._snapshot = snapshot
        self.arrived = asyncio.Event()
        """Set when the client is live."""

    async def run(self, resumes: bool) -> None:
        """Serves the client from hello to close. `resumes`: the subscriber's floors are those of a token."""
        subscriber, hub = self._subscriber, self._hub
        hub.enter(subscriber)
        tasks: list[asyncio.Task[None]] = []
        try:
            if not resumes:
                hub.join(subscriber)
                subscriber.sent_token = hub.token(subscriber)
            await self._wire.say("hello", self._hello(), subscriber.sent_token)
            tasks = [self._task(self._arrive(resumes)), self._task(self._send()), self._task(self._listen())]
            ending = await subscriber.ended
            await _cancelled(tasks)
            if ending is not GONE:
                await self._part(ending)
        finally:
            hub.leave(subscriber)
            await _cancelled(tasks)

    async def snapshot(self) -> None:
        """Sends the levels of the followed skus; of the changes made meanwhile, only those newer than these levels."""
        subscriber = self._subscriber
        if not (subscriber.filter.skus and "stock" in subscriber.filter.every_topic):
            return
        subscriber.hold()
        for _ in range(SNAPSHOT_TRIES):
            try:
                found = await self._stock.read(sorted(subscriber.filter.skus))
                break
            except ServiceError as failed:
                log.warning("push.snapshot_waits", error=str(failed))
                await asyncio.sleep(SNAPSHOT_PAUSE_S)
        else:
            subscriber.end(TRY_AGAIN)
            return
        places = subscriber.filter.locations
        levels = [level for level in found.levels if not places or level["location"] in places]
        versions = {(level["sku"], level["location"]): level["version"] for level in levels}
        subscriber.show(versions, Control("snapshot", {"levels": levels, "missing": found.missing}))

    def _hello(self) -> dict[str, Any]:
        subscriber = self._subscriber
        return {
            "token": subscriber.sent_token,
            "filters": subscriber.filter.document(),
            "snapshot": self._snapshot,
            "heartbeat_seconds": HEARTBEAT_S,
            "limits": {"waiting_events": MOST_WAITING, "waiting_bytes": MOST_WAITING_BYTES},
        }

    async def _arrive(self, resumes: bool) -> None:
        forgotten = False
        if resumes:
            catch_up = CatchUp(self._hub, self._subscriber)
            await catch_up.run()
            forgotten = catch_up.forgotten
        if self._snapshot or forgotten:
            await self.snapshot()
        self.arrived.set()

    async def _send(self) -> None:
        subscriber, sent = self._subscriber, metrics.SENT.of(self._subscriber.kind)
        while True:
            batch = await subscriber.take()
            if isinstance(batch, Control):
                await self._say(batch)
                continue
            token = subscriber.token(batch[-1])
            await self._wire.events(batch, token)
            subscriber.sent_token = token
            sent.value += len(batch)
            metrics.DELAY.observe(time.time() - batch[0].unix_s)

    async def _say(self, control: Control) -> None:
        subscriber, body = self._subscriber, control.body
        if control is BEAT:
            if subscriber.live and not len(subscriber):
                subscriber.sent_token = self._hub.token(subscriber)
            await self._wire.say(control.word, subscriber.sent_token, subscriber.sent_token)
            return
        token = body.get("token", subscriber.sent_token)
        await self._wire.say(control.word, {**body, "token": token}, token)
        subscriber.sent_token = token

    async def _listen(self) -> None:
        await self._wire.heard()
        self._subscriber.end(GONE)

    async def _part(self, ending: Ending) -> None:
        if ending is TOO_SLOW:
            metrics.SLOW.value += 1
        body: dict[str, Any] = {"token": self._subscriber.sent_token}
        if ending is RESTART:
            body["after_ms"] = random.randint(0, MOST_JITTER_MS)
        else:
            body |= {"code": ending.code, "reason": ending.why}
        await self._wire.part(ending.word, body, ending)

    def _task(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Runs without the request's context: its deadline is for a short response, not for a stream."""
        task = asyncio.create_task(work, context=contextvars.Context())
        task.add_done_callback(self._failed)
        return task

    def _failed(self, task: asyncio.Task[None]) -> None:
        failure = None if task.cancelled() else task.exception()
        if isinstance(failure, OSError):
            self._subscriber.end(GONE)
        elif failure is not None:
            log.error("push.session_failed", error=repr(failure), exc_info=failure)
            self._subscriber.end(FAILED)


async def _cancelled(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
