"""Seats: each open connection has one, which records how it has authenticated and decides how long it may stay.

Strangers (connections that have not authenticated) have few seats. When these are full, the oldest that wait for bytes
are closed, so that a new connection always gets in and has time to show a token. One sweep per second checks the times
of all seats, without a timer for each.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Literal, Protocol

from chassis import telemetry
from edge import problems
from edge.front import metrics
from edge.front.bodies import Bodies
from edge.front.limits import Limits

log = telemetry.logger()

CONNECTION = "edge.connection"
"""Scope key: the `Seat` of the connection of a request or a WebSocket. Missing where there is no socket."""

Kind = Literal["unproven", "token", "ticket", "signature", "proxy"]
Network = IPv4Network | IPv6Network


class Connection(Protocol):
    """The part of a server's protocol that the sweep needs."""

    @property
    def busy(self) -> bool:
        """Whether a complete request is being served, so that the connection does not wait for its client."""

    @property
    def body_waits(self) -> bool:
        """Whether the current request's body has not arrived completely."""

    @property
    def silent_since(self) -> float | None:
        """When it was made, by the loop's clock; None once anything has been received."""

    def check(self, now: float) -> None:
        """Ends the connection when it has waited too long."""

    def abort(self) -> None:
        """Closes the socket now. Unsent data is lost."""


class Seat:
    """One connection. ASGI applications find it in their scope under CONNECTION."""

    __slots__ = ("_connection", "address", "generation", "kind", "seats", "served")

    def __init__(self, seats: Seats, connection: Connection, address: str, kind: Kind, generation: int) -> None:
        self.seats = seats
        self.address = address
        self.kind: Kind = kind
        self.generation = generation
        self.served = False
        """Whether it has completed a request."""
        self._connection = connection

    @property
    def body_waits(self) -> bool:
        """Whether the current request's body has not arrived completely."""
        return self._connection.body_waits

    @property
    def busy(self) -> bool:
        """See `Connection.busy`."""
        return self._connection.busy

    def is_new(self, since: float) -> bool:
        """Whether it was made after this moment and has received nothing."""
        made = self._connection.silent_since
        return made is not None and made > since

    def prove(self, kind: Kind) -> None:
        """Records an authentication. Problem 503 when all seats of that kind are taken. Repeating is safe."""
        if self.kind == "unproven" or (kind == "token" and self.kind in ("ticket", "signature")):
            self.seats.prove(self, kind)

    def pass_to(self, connection: Connection) -> None:
        """Hands the seat to the protocol that has the socket now."""
        self._connection = connection

    def check(self, now: float) -> None:
        """See `Connection.check`."""
        self._connection.check(now)

    def abort(self) -> None:
        """Closes the socket now, even if its client does not read."""
        self._connection.abort()

    def leave(self) -> None:
        """Gives the seat of a closed connection back. Repeating is safe."""
        self.seats.leave(self)


class Seats:
    """All connections of this process. `trusted` proxies have no limit per address and report their clients' addresses."""

    def __init__(self, limits: Limits, trusted: Sequence[Network] = ()) -> None:
        self.limits = limits
        self.bodies = Bodies(limits)
        self.now = 0.0
        """The loop's time at the last sweep: exact enough for limits of seconds, and cheap to read."""
        self._trusted = trusted
        self._all: set[Seat] = set()
        self._unproven: dict[Seat, None] = {}
        self._addresses: Counter[str] = Counter()
        self._kinds: Counter[Kind] = Counter()
        self._generation = 0
        self._trimming: asyncio.TimerHandle | None = None
        self._sweeping: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Starts the sweep. Needs a running loop."""
        self.now = asyncio.get_running_loop().time()
        self._sweeping = asyncio.create_task(self._sweep())

    async def close(self) -> None:
        """Stops the sweep."""
        if self._trimming is not None:
            self._trimming.cancel()
        if self._sweeping is not None:
            self._sweeping.cancel()
            await asyncio.gather(self._sweeping, return_exceptions=True)

    def enter(self, connection: Connection, address: str) -> Seat | None:
        """A seat for a new connection; None when it must be closed at once."""
        limits = self.limits
        trusted = bool(self._trusted) and self._is_trusted(address) and self._kinds["proxy"] < limits.proven
        seat = Seat(self, connection, address, "proxy" if trusted else "unproven", self._generation)
        if not trusted:
            if len(self._unproven) >= limits.unproven + limits.burst:
                metrics.CLOSED.of("burst").value += 1
                return None
            self._unproven[seat] = None
            self._addresses[address] += 1
            crowded = len(self._unproven) > limits.unproven or self._addresses[address] > limits.unproven_per_address
            if crowded and self._trimming is None:
                self._trim_later()
        self._all.add(seat)
        self._count(seat.kind, 1)
        return seat

    def prove(self, seat: Seat, kind: Kind) -> None:
        """See `Seat.prove`."""
        if self._kinds[kind] >= (self.limits.tickets if kind == "ticket" else self.limits.proven):
            metrics.REFUSED.of("connections_full").value += 1
            raise problems.overloaded("This process has reached its limit of connections.")
        if seat not in self._all:
            return  # closed meanwhile
        self._forget(seat)
        self._count(seat.kind, -1)
        seat.kind = kind
        self._count(kind, 1)

    def leave(self, seat: Seat) -> None:
        """See `Seat.leave`."""
        if seat in self._all:
            self._all.remove(seat)
            self._forget(seat)
            self._count(seat.kind, -1)

    @property
    def open(self) -> int:
        """Connections of every kind."""
        return len(self._all)

    def of_kind(self, kind: Kind) -> int:
        """Connections of one kind."""
        return self._kinds[kind]

    def sweep(self) -> None:
        """Checks every connection once."""
        self.now = asyncio.get_running_loop().time()
        for seat in list(self._all):
            seat.check(self.now)

    def trim(self) -> None:
        """Closes surplus strangers, oldest first; those that have completed a request come last.

        A connection made since the previous trim keeps its seat: the loop may not have read its first bytes yet. One that
        has sent nothing keeps it for `silent_s`.
        """
        limits = self.limits
        since = asyncio.get_running_loop().time() - limits.silent_s
        surplus = len(self._unproven) - limits.unproven
        for seat in sorted(self._unproven, key=_has_been_served):
            crowded = self._addresses[seat.address] > limits.unproven_per_address
            if not (crowded or surplus > 0) or seat.generation >= self._generation or seat.busy or seat.is_new(since):
                continue
            metrics.CLOSED.of("crowded").value += 1
            self.leave(seat)
            seat.abort()
            surplus -= 1
        self._generation += 1

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(self.limits.sweep_s)
            try:
                self.sweep()
            except Exception as error:  # a bug must not stop the sweep for good
                log.exception("front.sweep_failed", error=repr(error))

    def _trim_later(self) -> None:
        self._trimming = asyncio.get_running_loop().call_later(self.limits.trim_s, self._trim_again)

    def _trim_again(self) -> None:
        self._trimming = None
        self.trim()
        limits = self.limits
        most = max(self._addresses.values(), default=0)
        if len(self._unproven) > limits.unproven or most > limits.unproven_per_address:
            self._trim_later()

    def _forget(self, seat: Seat) -> None:
        if seat in self._unproven:
            del self._unproven[seat]
            self._addresses[seat.address] -= 1
            if not self._addresses[seat.address]:
                del self._addresses[seat.address]

    def _count(self, kind: Kind, more: int) -> None:
        self._kinds[kind] += more
        metrics.CONNECTIONS.of(kind).value += more

    def _is_trusted(self, address: str) -> bool:
        try:
            given = ip_address(address)
        except ValueError:
            return False
        return any(given in network for network in self._trusted)


def _has_been_served(seat: Seat) -> bool:
    return seat.served
