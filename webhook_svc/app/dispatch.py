"""Chooses the deliveries that this process sends now: slots per endpoint and in all, so a slow receiver delays only itself.

Holds leased deliveries in memory, starts them when there is a slot, and has their outcome recorded.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime, timedelta

from chassis import ids, metrics, telemetry
from webhook_svc.app.directory import Directory, Target
from webhook_svc.domain.delivery import Tried, Work
from webhook_svc.domain.endpoint import DEFAULT_IN_FLIGHT

log = telemetry.logger()

OPEN = metrics.gauge("webhook_requests_open", "Requests to receivers that are under way")
HELD = metrics.gauge(
    "webhook_deliveries_held", "Deliveries that this process holds: under way, about to be, or being recorded"
)

LEASE = timedelta(seconds=60)
"""How long a delivery belongs to the process that claimed it. If that process dies, others send it after this time."""
MOST_OPEN = 1_024
"""Open requests: each has a connection and some 50 kB of memory."""
AHEAD = 16
"""Deliveries held per slot of a healthy endpoint, so that the next one can start at once. At most 544 per endpoint."""
MOST_HELD = 8_192
"""Deliveries in memory, of up to 20 kB each; those of one event share its body."""
FINISH_S = 3.0
"""Time for open requests when the process stops, and again to record them; supervisors grant ten seconds in all."""


class _Lane:
    """One endpoint's deliveries in this process."""

    __slots__ = ("backlog", "held", "open", "waiting")

    def __init__(self) -> None:
        self.waiting: deque[Work] = deque()
        self.open = 0
        self.held = 0
        self.backlog = False
        """More deliveries are due in the database, as far as this process knows."""


class Dispatch:
    """`send` makes one attempt and never raises; `record` stores its outcome.

    `wake` is set when there may be more to claim.
    """

    def __init__(
        self,
        directory: Directory,
        send: Callable[[Work, Target], Awaitable[Tried]],
        record: Callable[[Tried], Awaitable[None]],
        now: Callable[[], datetime],
        request_s: float,
        most_open: int = MOST_OPEN,
    ) -> None:
        self.wake = asyncio.Event()
        self._directory = directory
        self._send = send
        self._record = record
        self._now = now
        self._margin = timedelta(seconds=request_s + 5)
        self._most_open = most_open
        self._lanes: dict[str, _Lane] = {}
        self._open = 0
        self._held = 0
        self._short: dict[str, None] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = False
        OPEN.read_from(lambda: self._open)
        HELD.read_from(lambda: self._held)

    def new_lease(self) -> str:
        """The mark of deliveries that this process owns; each claim has its own."""
        return ids.log_id("lease")

    def room(self, target: Target) -> int:
        """How many more deliveries of this endpoint may be claimed now."""
        if self._closing:
            return 0
        slots = self._slots(target)
        most = slots if target.health.failing_since is not None else slots * (1 + AHEAD)
        lane = self._lanes.get(target.endpoint_id)
        held = 0 if lane is None else lane.held
        return max(0, min(most - held, MOST_HELD - self._held))

    def rooms(self) -> list[tuple[str, int]]:
        """Endpoints of which deliveries may be claimed now, and how many."""
        found = ((target.endpoint_id, self.room(target)) for target in self._directory.all())
        return [(endpoint_id, room) for endpoint_id, room in found if room > 0]

    def begin(self, works: Iterable[Work]) -> None:
        """Sends these deliveries, leased by this process, as slots allow."""
        touched: dict[str, None] = {}
        for work in works:
            lane = self._lanes.setdefault(work.endpoint_id, _Lane())
            lane.waiting.append(work)
            lane.held += 1
            self._held += 1
            touched[work.endpoint_id] = None
        for endpoint_id in touched:
            self._start(endpoint_id)

    def look_for(self, endpoint_ids: Iterable[str]) -> None:
        """Notes that these endpoints have deliveries due in the database."""
        for endpoint_id in endpoint_ids:
            self._lanes.setdefault(endpoint_id, _Lane()).backlog = True
            self.wake.set()

    def claimed(self, rooms: Iterable[tuple[str, int]], works: list[Work], full: bool) -> None:
        """Begins claimed deliveries. Endpoints that filled their room may have more due; all may if the claim was `full`."""
        found: dict[str, int] = {}
        for work in works:
            found[work.endpoint_id] = found.get(work.endpoint_id, 0) + 1
        for endpoint_id, room in rooms:
            lane = self._lanes.get(endpoint_id)
            if lane is not None or found.get(endpoint_id):
                lane = self._lanes.setdefault(endpoint_id, _Lane())
                lane.backlog = full or found.get(endpoint_id, 0) >= room
        self.begin(works)

    async def close(self) -> None:
        """Claims no more; gives back deliveries not yet begun and, after FINISH_S, the rest: another process sends them."""
        self._closing = True
        for endpoint_id in list(self._lanes):
            self._give_back(endpoint_id)
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=FINISH_S)
            for task in late:
                task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=FINISH_S)

    def holds(self) -> int:
        """How many deliveries this process holds."""
        return self._held

    async def idle(self) -> None:
        """Returns when no delivery is held."""
        while self._tasks:
            await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)

    def _slots(self, target: Target) -> int:
        """Requests at once: one while the endpoint is failing; capped at the default once half of all slots are in use."""
        if not target.health.accepts(self._now()):
            return 0
        if target.health.failing_since is not None:
            return 1
        wanted = target.endpoint.wishes.max_in_flight
        return min(wanted, DEFAULT_IN_FLIGHT) if self._open * 2 > self._most_open else wanted

    def _start(self, endpoint_id: str) -> None:
        """Starts as many deliveries as the endpoint has slots; without slots, waiting deliveries are given back."""
        lane = self._lanes.get(endpoint_id)
        if lane is None:  # its deliveries were given back while it waited for a slot
            return
        target = self._directory.get(endpoint_id)
        slots = 0 if target is None or self._closing else self._slots(target)
        while target is not None and lane.waiting and lane.open < slots and self._open < self._most_open:
            work = lane.waiting.popleft()
            if work.lease_ends - self._now() < self._margin:  # it might end during the request: claim it again
                self._keep(self._settle(_untried(work, self._now())))
                continue
            lane.open += 1
            self._open += 1
            self._keep(self._deliver(work, target, lane))
        failing = target is None or target.health.failing_since is not None
        if lane.waiting and (failing or slots == 0):
            self._give_back(endpoint_id, keep=slots)
        if lane.waiting and lane.open < slots:  # all slots are in use: endpoints get free slots in the order of waiting
            self._short[endpoint_id] = None

    def _give_back(self, endpoint_id: str, keep: int = 0) -> None:
        lane = self._lanes[endpoint_id]
        lane.backlog = lane.backlog or len(lane.waiting) > keep
        while len(lane.waiting) > keep:
            self._keep(self._settle(_untried(lane.waiting.pop(), self._now())))

    async def _deliver(self, work: Work, target: Target, lane: _Lane) -> None:
        try:
            tried = await self._send(work, target)
        except asyncio.CancelledError:  # the process stops: it may have arrived, and is sent again
            tried = _untried(work, self._now())
        finally:
            lane.open -= 1
            self._open -= 1
            self._next(work.endpoint_id)
        await self._settle(tried)

    def _next(self, endpoint_id: str) -> None:
        """Gives a free slot to the endpoint that has waited longest, then to this endpoint."""
        while self._short and self._open < self._most_open:
            first = next(iter(self._short))
            del self._short[first]
            self._start(first)
        self._start(endpoint_id)

    async def _settle(self, tried: Tried) -> None:
        try:
            await self._record(tried)
        finally:
            self._forget(tried.work)

    def _forget(self, work: Work) -> None:
        self._held -= 1
        lane = self._lanes[work.endpoint_id]
        lane.held -= 1
        if lane.backlog or work.ordered:
            self.wake.set()
        if not lane.held and not lane.backlog:
            del self._lanes[work.endpoint_id]

    def _keep(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Future[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (failed := task.exception()) is not None:
            log.error("dispatch.failed", error=repr(failed), exc_info=failed)


def _untried(work: Work, now: datetime) -> Tried:
    return Tried(work, None, now, now)
