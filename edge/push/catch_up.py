"""Brings a resuming client up to the hub's position: from the services' logs, then from the ring, then live."""

from __future__ import annotations

import asyncio

from chassis import telemetry
from chassis.errors import ServiceError
from edge.push import resume_token
from edge.push.hub import Hub
from edge.push.services import EventLog, Forgotten, Page
from edge.push.subscriber import TRY_AGAIN, Control, Subscriber

log = telemetry.logger()

PAGE = 200
CHUNK = 500
"""Events read from the ring before other tasks run."""
TRIES = 15
PAUSE_S = 1.0
"""Pause between tries to read a log. A service has at least 15 s to come back; then the client is closed."""


class CatchUp:
    """Advances one client from its `floors`, which it updates. `run` returns when the client is live or has ended."""

    def __init__(self, hub: Hub, subscriber: Subscriber) -> None:
        self._hub = hub
        self._subscriber = subscriber
        self._at = subscriber.floors
        self.forgotten = False
        """Whether some events were no longer available, so that the client's state is incomplete."""

    async def run(self) -> None:
        """Queues everything after the token, each event once and in order per source."""
        for source in self._wanted():
            await self._check(source)
        while not self._subscriber.ended.done():
            behind = [source for source in self._wanted() if self._at[source] < self._hub.ring.floors[source]]
            for source in behind:
                await self._read_page(source)
            if not behind and await self._from_ring():
                return

    def _wanted(self) -> list[str]:
        """The sources whose events the client takes; of one that its token does not name, only events from now on."""
        wanted = sorted(self._subscriber.filter.sources(self._hub.feeds))
        positions = self._hub.positions
        for source in wanted:
            self._at.setdefault(source, positions.get(source, 0))
        return wanted

    async def _check(self, source: str) -> None:
        """Detects a token ahead of its log: it was made for an earlier log, which a backup has replaced."""
        if self._at[source] > self._hub.positions.get(source, 0):
            page = await self._page(source)
            if page is not None and page.newest < self._at[source]:
                self._forget(source, page.newest)

    async def _read_page(self, source: str) -> None:
        page = await self._page(source)
        if page is None:
            return
        for event in page.events:
            if event.position <= self._at[source]:
                continue
            self._at[source] = event.position
            pushed = self._hub.private(event, dict(self._at))
            if self._subscriber.filter.takes(pushed):
                await self._subscriber.room()
                self._subscriber.append(pushed)
        self._at[source] = max(self._at[source], page.position)

    async def _page(self, source: str) -> Page | None:
        """The next page of a log; None when the next events are gone (the client gets `reset`) or the client is closed."""
        event_log: EventLog = self._hub.feeds[source].log
        for _ in range(TRIES):
            try:
                return await event_log.read(self._at[source], PAGE)
            except Forgotten:
                self._forget(source, self._hub.positions.get(source, 0))
                return None
            except ServiceError as failed:
                log.warning("push.catch_up_waits", source=source, error=str(failed))
                await asyncio.sleep(PAUSE_S)
        self._subscriber.end(TRY_AGAIN)
        return None

    async def _from_ring(self) -> bool:
        """Whether the client reached the newest event and is live; False when the ring dropped events too quickly."""
        ring, subscriber = self._hub.ring, self._subscriber
        number = ring.first_after({source: self._at[source] for source in self._wanted()})
        while True:
            try:
                chunk = ring.after(number, CHUNK)
            except KeyError:
                return False
            for pushed in chunk:
                event = pushed.event
                if event.position > self._at.get(event.source, event.position):
                    self._at[event.source] = event.position
                    if subscriber.filter.takes(pushed):
                        subscriber.append(pushed.private(dict(self._at)))
            number += len(chunk)
            if number == ring.next:  # there is no await between this check and joining
                self._hub.join(subscriber)
                return True
            await subscriber.room()
            await asyncio.sleep(0)

    def _forget(self, source: str, position: int) -> None:
        self._at[source] = position
        self.forgotten = True
        token = resume_token.encode(self._at)
        body = {"reason": "EVENTS_FORGOTTEN", "source": source, "token": token}
        self._subscriber.say(Control("reset", body))
