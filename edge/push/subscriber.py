"""One client of the hub: its filter, its queue and the reason for its end. It does not know how events are sent."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from edge.push import resume_token
from edge.push.filters import Filter
from edge.push.pushed import PRIVATE, Pushed
from edge.push.visitor import OPERATOR, Visitor

MOST_WAITING = 2_000
"""Events queued for one client: two seconds at 1,000 events per second. A client further behind resumes with its token."""
MOST_WAITING_BYTES = 4 * 1024 * 1024
"""The same as JSON: a thousand slow clients cost 4 GB at worst, and they are closed long before that."""
MOST_PER_MESSAGE = 200
MOST_MESSAGE_BYTES = 256 * 1024
"""Of several events in one message; a single larger event is sent alone."""

STUCK_BEATS = 2
"""Heartbeats in a row with a queue and nothing sent: 30 to 45 s in which the client read nothing."""

Kind = Literal["websocket", "sse", "graphql"]


class Control(NamedTuple):
    """A message to the client that is not an event."""

    word: str
    body: dict[str, Any]


@dataclass(frozen=True)
class Ending:
    """Why a client is closed: a WebSocket close code and its reason. `word` and `body`: the message before the close."""

    code: int
    why: str
    word: str = "close"
    body: Mapping[str, Any] | None = None


TOO_SLOW = Ending(4008, "too slow")
EXPIRED = Ending(4401, "ticket expired")
TRY_AGAIN = Ending(1013, "try again later")
RESTART = Ending(1012, "restart", "reconnect")
FAILED = Ending(1011, "internal error")
GONE = Ending(1000, "")
ANNOUNCING = ("reset", "subscribed")
"""A snapshot may follow these."""
BEAT = Control("heartbeat", {})


class Subscriber:
    """`floors`: positions that the client already has; events up to them are skipped."""

    def __init__(
        self, kind: Kind, wanted: Filter, visitor: Visitor = OPERATOR, floors: Mapping[str, int] | None = None
    ):
        self.kind = kind
        self.filter = wanted
        self.visitor = visitor
        self._sources = visitor.grant.sources
        self.floors: dict[str, int] = dict(floors or {})
        self.versions: dict[tuple[str, str], int] = {}
        """Versions of levels in a snapshot, kept until their next change: older changes are skipped."""
        self.live = False
        """Whether the hub offers it events; before that it catches up with the hub."""
        self.sent_token = resume_token.encode(self.floors)
        """The token to resume after the last message that was written."""
        self.ended: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()
        self._takes = 0
        self._takes_before = 0
        self._stuck_beats = 0
        self._held = False
        self._waiting: deque[Pushed | Control] = deque()
        self._bytes = 0
        self._ready = asyncio.Event()
        self._room = asyncio.Event()

    def __len__(self) -> int:
        """Number of queued events and messages."""
        return len(self._waiting)

    @property
    def waiting_bytes(self) -> int:
        """Size of the queued events, as JSON."""
        return self._bytes

    def is_stuck(self) -> bool:
        """Whether the queue is not empty and nothing was sent for some heartbeats. Called at every heartbeat."""
        waits = bool(self._waiting) and not self._held
        self._stuck_beats = self._stuck_beats + 1 if waits and self._takes == self._takes_before else 0
        self._takes_before = self._takes
        return self._stuck_beats >= STUCK_BEATS

    def shown(self, positions: Mapping[str, int]) -> Mapping[str, int]:
        """The positions of the sources that the client may see: a ticket for stock must not reveal the number of orders."""
        if self._sources is None:
            return positions
        return {source: place for source, place in positions.items() if source in self._sources}

    def offer(self, pushed: Pushed) -> None:
        """Queues an event that the filter takes. Ends the client when it is too far behind."""
        event = pushed.event
        if event.position <= self.floors.get(event.source, 0):
            return
        if self.versions and self._known(pushed):
            return
        self.append(pushed)
        if len(self._waiting) > MOST_WAITING or self._bytes > MOST_WAITING_BYTES:
            self.end(TOO_SLOW)

    def append(self, pushed: Pushed) -> None:
        """Queues an event that was fetched for the client, after waiting for `room`."""
        if not self.ended.done():
            self._bytes += len(pushed.json)
            self._waiting.append(pushed)
            self._wake()

    def say(self, control: Control) -> None:
        """Queues a message. Ends a client that keeps sending requests and does not read the replies."""
        if self.ended.done():
            return
        self._waiting.append(control)
        if len(self._waiting) > MOST_WAITING:
            self.end(TOO_SLOW)
        self._wake()

    def end(self, ending: Ending) -> None:
        """Ends the client and drops its queue. Only the first ending counts."""
        if not self.ended.done():
            self.ended.set_result(ending)
            self._waiting.clear()

    def hold(self) -> None:
        """Holds the queue back until `show`."""
        self._held = True

    def show(self, versions: Mapping[tuple[str, str], int], snapshot: Control) -> None:
        """Queues the snapshot first, but after its announcement; drops changes that the snapshot already has."""
        self.versions.update(versions)
        kept = [one for one in self._waiting if isinstance(one, Control) or not self._known(one)]
        announced = [place for place, one in enumerate(kept, 1) if isinstance(one, Control) and one.word in ANNOUNCING]
        kept.insert(max(announced, default=0), snapshot)
        self._waiting = deque(kept)
        self._bytes = sum(len(one.json) for one in kept if isinstance(one, Pushed))
        self._held = False
        self._wake()

    def clear(self) -> None:
        """Drops the queued events; other messages stay."""
        self._waiting = deque(one for one in self._waiting if isinstance(one, Control))
        self._bytes = 0
        self.versions.clear()

    async def room(self) -> None:
        """Returns when the queue has room for another page of fetched events; live events do not wait for it."""
        while len(self._waiting) > MOST_WAITING // 2 or self._bytes > MOST_WAITING_BYTES // 2:
            self._room.clear()
            await self._room.wait()

    async def take(self) -> list[Pushed] | Control:
        """The next thing to send: one control message, or as many events as fit into one message."""
        while self._held or not self._waiting:
            self._ready.clear()
            await self._ready.wait()
        self._takes += 1
        first = self._waiting.popleft()
        if isinstance(first, Control):
            self._room.set()
            return first
        batch, size = [first], len(first.json)
        while self._waiting and len(batch) < MOST_PER_MESSAGE:
            following = self._waiting[0]
            if isinstance(following, Control) or size + len(following.json) > MOST_MESSAGE_BYTES:
                break
            self._waiting.popleft()
            batch.append(following)
            size += len(following.json)
        self._bytes -= size
        self._room.set()
        return batch

    def token(self, pushed: Pushed) -> str:
        """The token to resume after this event: its own, unless the client had already seen more of some source."""
        if pushed.number == PRIVATE:
            return pushed.token
        floors, sources, positions = self.floors, self._sources, pushed.positions
        if sources is not None:
            positions = self.shown(positions)
        if all(positions.get(source, -1) >= place for source, place in floors.items()):
            return pushed.token if sources is None else pushed.token_of(sources)
        return resume_token.encode(merged(positions, floors))

    def _known(self, pushed: Pushed) -> bool:
        """Whether a snapshot had this change. The first newer change ends the comparison: changes come in order."""
        level = pushed.level
        if level is None:
            return False
        told = self.versions.get(level[0])
        if told is None:
            return False
        if level[1] <= told:
            return True
        del self.versions[level[0]]
        return False

    def _wake(self) -> None:
        if not self._ready.is_set():
            self._ready.set()


def merged(positions: Mapping[str, int], floors: Mapping[str, int]) -> dict[str, int]:
    """The later position of both, source by source."""
    return {source: max(positions.get(source, 0), floors.get(source, 0)) for source in {**positions, **floors}}
