"""One source as the hub follows it: puts its events in order, and asks its log for what the broker did not bring."""

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
GAP_S = 0.05
"""A gap may be older than this before the log is asked: partitions of one source come a little apart."""
POLL_S = 0.2
"""Between looks at the log while the broker is down: push goes on, later by as much."""
CHECK_S = 5.0
"""Between looks at the log while the broker works, for an event that it lost and that nothing has come after."""
LOST_S = 30.0
"""A log that ends before what was passed, for so long, was emptied: a relay mends what a crash forgot within five seconds."""


class Feed:
    """`publish` gets each event once, in order; `jumped` is called when events are gone that nobody has seen."""

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
        """Set when it is known where the log stands."""
        self._publish = publish
        self._jumped = jumped
        self._monotonic_s = monotonic_s
        self._look = asyncio.Event()
        self._behind_since: float | None = None
        self._silent = False

    def take(self, event: Event) -> None:
        """The broker brought this."""
        self._pass(self.sequence.offer(event))

    def look(self) -> None:
        """Has the log looked at soon."""
        self._look.set()

    def look_at_gap(self) -> bool:
        """Whether events wait behind a gap; has the log looked at when they have long enough."""
        since = self.sequence.gap_since
        if since is not None and self._monotonic_s() - since >= GAP_S:
            self._look.set()
        return since is not None

    async def run(self, follows: Callable[[], bool]) -> None:
        """Looks at the log again and again. `follows` says whether the broker is being followed."""
        while True:
            await self._rest(CHECK_S if follows() and self.known.is_set() else POLL_S)
            try:
                await self.run_once()
                self._silent = False
            except ServiceError as failed:
                if not self._silent:
                    log.warning("push.log_silent", source=self.source, error=str(failed))
                self._silent = True
            except Forgotten as gone:
                self.jump(gone.oldest - 1)
            except Exception as failed:  # a bug must not end push for good
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
        """Goes on behind this position, whatever lies between."""
        if self.sequence.position != UNKNOWN:
            log.warning("push.jumped", source=self.source, from_=self.sequence.position, to=position)
        self.sequence.begin(position)
        self._jumped(self.source, position)
