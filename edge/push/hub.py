"""The hub: follows the broker, orders each source, keeps the newest events and offers each to its subscribers."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from chassis import telemetry
from chassis.events.broker import Broker, BrokerUnreachable, Tail
from chassis.events.event import Event
from chassis.events.event_types import EventTypes
from edge.push import metrics, resume_token
from edge.push.feed import GAP_S, Feed
from edge.push.index import Index
from edge.push.places import Places
from edge.push.pushed import PRIVATE, Pushed
from edge.push.ring import Ring
from edge.push.services import EventLog
from edge.push.subscriber import BEAT, EXPIRED, RESTART, TOO_SLOW, Subscriber, merged

log = telemetry.logger()

WAIT_S = 1.0
"""Timeout of one read from the broker; a lost broker is noticed earlier, by its connection."""
LEAST_BACKOFF_S = 0.2
MOST_BACKOFF_S = 5.0
HEARTBEAT_S = 15.0
"""Shorter than the idle limits of proxies, which begin at 30 s."""
SLICE = 100
"""Events that are passed on before other tasks run."""
CANCEL_AGAIN_S = 0.2
DRAINED_WITHIN_S = 1.0
"""Time to notify all clients that this process ends; a client that does not read in time resumes with its last token."""


class Hub:
    """One per process. Call `start` inside the running loop; without a broker it reads only the logs."""

    def __init__(
        self,
        broker: Broker | None,
        logs: Mapping[str, EventLog],
        event_types: EventTypes,
        ring: Ring | None = None,
        unix_s: Callable[[], float] = time.time,
    ) -> None:
        self.ring = ring or Ring()
        self.feeds = {source: Feed(source, one, self._publish, self._jumped) for source, one in logs.items()}
        self.event_types = event_types
        self.draining = False
        self._broker = broker
        self._positions: dict[str, int] = {}
        self._index = Index()
        self._subscribers: set[Subscriber] = set()
        self._timers: dict[Subscriber, asyncio.TimerHandle] = {}
        self.places = Places()
        self.connections = Places()
        """Of GraphQL connections; each of their subscriptions also has a place of its own."""
        self.unix_s = unix_s
        self.following = False
        """Whether the broker is connected; without it the logs are polled."""
        self._empty = asyncio.Event()
        self._empty.set()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Starts to follow the sources."""
        runs = [feed.run(lambda: self.following) for feed in self.feeds.values()]
        runs.append(self._beat())
        metrics.WAITING_BYTES.read_from(lambda: sum(one.waiting_bytes for one in list(self._subscribers)))
        metrics.SOCKET_BYTES.read_from(
            lambda: sum(one.socket_bytes for one in {*self.places.visitors, *self.connections.visitors})
        )
        if self._broker is not None:
            runs.append(self._follow(self._broker))
        self._tasks = [asyncio.create_task(run) for run in runs]
        for feed in self.feeds.values():
            feed.look()

    async def close(self) -> None:
        """Stops following, and closes the broker's connection."""
        running = set(self._tasks)
        while running:
            for task in running:
                task.cancel()
            # Repeated, because a broker's client may treat a cancellation as a failure of its own.
            _, running = await asyncio.wait(running, timeout=CANCEL_AGAIN_S)
        if self._broker is not None:
            await self._broker.close()

    async def drain(self) -> None:
        """Asks every client to reconnect elsewhere; admits no new ones. Returns when all are gone, or after a second."""
        self.draining = True
        for subscriber in list(self._subscribers):
            subscriber.end(RESTART)
        try:
            async with asyncio.timeout(DRAINED_WITHIN_S):
                await self._empty.wait()
        except TimeoutError:
            log.warning("push.not_drained", clients=len(self._subscribers))

    @property
    def clients(self) -> int:
        """Number of clients."""
        return len(self._subscribers)

    @property
    def positions(self) -> dict[str, int]:
        """A copy of the position of each source, without the sources that are not known yet."""
        return dict(self._positions)

    async def unknown(self, sources: Iterable[str], within_s: float) -> list[str]:
        """The sources whose position is not known since this process started, after waiting up to `within_s`."""
        wanted = [self.feeds[source] for source in sources]
        try:
            async with asyncio.timeout(within_s):
                for feed in wanted:
                    await feed.known.wait()
        except TimeoutError:
            pass
        return sorted(feed.source for feed in wanted if not feed.known.is_set())

    def enter(self, subscriber: Subscriber) -> None:
        """Adds a client, which is offered nothing before `join`. It ends when its ticket expires, in every protocol."""
        self._subscribers.add(subscriber)
        self.places.take(subscriber.visitor)
        self._empty.clear()
        expires_s = subscriber.visitor.grant.expires_s
        if expires_s is not None:
            within_s = max(0.0, expires_s - self.unix_s())
            self._timers[subscriber] = asyncio.get_running_loop().call_later(within_s, subscriber.end, EXPIRED)
        metrics.CONNECTIONS.of(subscriber.kind).value += 1

    def join(self, subscriber: Subscriber) -> None:
        """Starts to offer it events."""
        subscriber.live = True
        self._index.add(subscriber)

    def part(self, subscriber: Subscriber) -> None:
        """Stops offering it events until it joins again; meanwhile its filter may be changed."""
        if subscriber.live:
            self._index.remove(subscriber)
            subscriber.live = False

    def leave(self, subscriber: Subscriber) -> None:
        """Removes a client that is gone."""
        self.part(subscriber)
        self._subscribers.discard(subscriber)
        self.places.leave(subscriber.visitor)
        if timer := self._timers.pop(subscriber, None):
            timer.cancel()
        metrics.CONNECTIONS.of(subscriber.kind).value -= 1
        if not self._subscribers:
            self._empty.set()

    def token(self, subscriber: Subscriber) -> str:
        """The token to resume from here, for a live client with an empty queue."""
        positions = subscriber.shown(self._positions)
        if all(positions.get(source, -1) >= place for source, place in subscriber.floors.items()):
            return resume_token.encode(positions)
        return resume_token.encode(merged(positions, subscriber.floors))

    def private(self, event: Event, positions: Mapping[str, int]) -> Pushed:
        """An event for one client only."""
        return Pushed(event, PRIVATE, positions, self.event_types)

    def _publish(self, event: Event) -> None:
        self._positions[event.source] = event.position
        pushed = Pushed(event, self.ring.next, dict(self._positions), self.event_types)
        self.ring.append(pushed)
        for subscriber in self._index.takers(pushed):
            subscriber.offer(pushed)

    def _jumped(self, source: str, position: int) -> None:
        """The source continues here. Earlier clients missed events that are gone; they get `reset` when they come back."""
        begins = source not in self._positions
        self._positions[source] = position
        self.ring.begin(self._positions)
        if not begins:
            for subscriber in list(self._subscribers):
                if source in subscriber.filter.sources(self.feeds):
                    subscriber.end(RESTART)

    async def _follow(self, broker: Broker) -> None:
        backoff_s = LEAST_BACKOFF_S
        while True:
            try:
                tail = await broker.tail(list(self.feeds))
                try:
                    self.following, backoff_s = True, LEAST_BACKOFF_S
                    for feed in self.feeds.values():
                        feed.look()  # for events between two tails
                    await self._read(tail)
                finally:
                    self.following = False
                    await tail.close()
            except BrokerUnreachable as lost:
                log.warning("push.broker_lost", error=str(lost))
            except Exception as failed:  # a bug must not stop push for good
                log.exception("push.failed", error=repr(failed))
            metrics.RECONNECTS.value += 1
            for feed in self.feeds.values():
                feed.look()
            await asyncio.sleep(backoff_s * random.uniform(0.5, 1.0))
            backoff_s = min(backoff_s * 2, MOST_BACKOFF_S)

    async def _read(self, tail: Tail) -> None:
        """Reads until the broker is lost: BrokerUnreachable."""
        gaps: list[bool] = []
        while True:
            events = await tail.next(GAP_S if any(gaps) else WAIT_S)
            for first in range(0, len(events), SLICE):
                self._take(events[first : first + SLICE])
                await asyncio.sleep(0)
            gaps = [feed.look_at_gap() for feed in self.feeds.values()]

    def _take(self, events: Sequence[Event]) -> None:
        for event in events:
            feed = self.feeds.get(event.source)
            if feed is not None:
                feed.take(event)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            self.beat()

    def beat(self) -> None:
        """Sends a heartbeat to every client with an empty queue; closes those that have read nothing for too long."""
        for subscriber in self._subscribers:
            if subscriber.is_stuck():
                subscriber.end(TOO_SLOW)
            elif not len(subscriber):
                subscriber.say(BEAT)
