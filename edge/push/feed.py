"""One source that the hub follows: orders its events, and reads from its log those that the broker did not deliver."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable

from chassis import telemetry
from chassis.errors import ServiceError
from chassis.events.event import Event
from edge.push.sequence import UNKNOWN, Sequence
from edge.push.services import NEWEST, EventLog, Forgotten

log = telemetry.logger()

PAGE = 500
SILENT_S = 10.0
"""A log that does not answer for this long is worth a warning; a service starts or restarts within it."""
GAP_S = 0.05
"""Age of a gap at which the log is read: partitions of one source arrive slightly out of step."""
POLL_S = 0.2
"""Interval of log reads while the broker is down; events are late by up to this."""
CHECK_S = 5.0
"""Interval of log reads while the broker works, to find a lost event that no later event has revealed."""
LOST_S = 30.0
"""A log that ends before the last passed event for this long was emptied: after a crash a relay repairs it within 5 s."""


class Feed:
    """`publish` gets each event once, in order; `jumped` is called when unread events are gone."""

    def __init__(
        self,
        source: str,
        event_log: EventLog,
        publish: Callable[[Event], None],
        jumped: Callable[[str, int], None],
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.source = source
        self.log = event_log
        self.sequence = Sequence(monotonic_s)
        self.known = asyncio.Event()
        """Set when the position of the log is known."""
        self._publish = publish
        self._jumped = jumped
        self._monotonic_s = monotonic_s
        self._look = asyncio.Event()
        self._behind_since: float | None = None
        self._silent_since: float | None = None
        self._warned = False

    def take(self, event: Event) -> None:
        """Accepts an event from the broker."""
        self._pass(self.sequence.offer(event))

    def look(self) -> None:
        """Requests a read of the log soon."""
        self._look.set()

    def look_at_gap(self) -> bool:
        """Whether events wait behind a gap; requests a read of the log when they have waited long enough."""
        since = self.sequence.gap_since
        if since is not None and self._monotonic_s() - since >= GAP_S:
            self._look.set()
        return since is not None

    async def run(self, follows: Callable[[], bool]) -> None:
        """Reads the log at intervals. `follows` returns whether the broker is being followed."""
        while True:
            await self._rest(CHECK_S if follows() and self.known.is_set() else POLL_S)
            try:
                await self.run_once()
                self._silent_since, self._warned = None, False
            except ServiceError as failed:
                self.failed(failed)
            except Forgotten as gone:
                self.jump(gone.oldest - 1)
            except Exception as failed:  # a bug must not stop push for good
                log.exception("push.failed", source=self.source, error=repr(failed))

    async def run_once(self) -> None:
        """Passes on everything that the log has now. ServiceError, Forgotten."""
        if self.sequence.position == UNKNOWN:
            self.jump((await self.log.read(NEWEST, 1)).newest)
            self.known.set()
            return
        while True:
            page = await self.log.read(self.sequence.position, PAGE)
            self._pass(self.sequence.settle(min(page.position, page.newest), page.events))
            self._compare(page.newest)
            if self.sequence.position >= page.newest:
                return

    def failed(self, error: ServiceError) -> None:
        """The log did not answer. Warns once when that lasts: a service that starts or restarts is not worth a warning."""
        now_s = self._monotonic_s()
        if self._silent_since is None:
            self._silent_since = now_s
        elif now_s - self._silent_since >= SILENT_S and not self._warned:
            self._warned = True
            log.warning("push.log_silent", source=self.source, error=str(error))

    async def _rest(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._look.wait()
        except TimeoutError:
            pass
        self._look.clear()

    def _pass(self, events: Iterable[Event]) -> None:
        for event in events:
            self._publish(event)

    def _compare(self, newest: int) -> None:
        if newest >= self.sequence.position:
            self._behind_since = None
        elif self._behind_since is None:
            self._behind_since = self._monotonic_s()
        elif self._monotonic_s() - self._behind_since > LOST_S:
            self._behind_since = None
            self.jump(newest)

    def jump(self, position: int) -> None:
        """Continues after this position and skips all events before it."""
        if self.sequence.position != UNKNOWN:
            log.warning("push.jumped", source=self.source, from_=self.sequence.position, to=position)
        self.sequence.begin(position)
        self._jumped(self.source, position)
