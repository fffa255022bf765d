"""One client's journey: reserve, wait, commit or release; sometimes duplicated, sometimes repeated much later."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import grpc

from chassis import errors
from gen.inventory.v1 import reservation_pb2
from gen.inventory.v1 import reservation_service_pb2 as pb
from gen.inventory.v1.reservation_service_pb2_grpc import ReservationServiceStub
from tests.fault.ledger import Entry, Intent, Ledger

TRY_AGAIN = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNKNOWN,
    }
)
"""Refused for now or outcome unknown: the same request may be sent again."""
NOTHING_DONE = frozenset({"OVERLOADED", "RESOURCE_EXHAUSTED"})
"""Refusals that guarantee that nothing was done."""
FIRST_PAUSE_S = 0.05
LONGEST_PAUSE_S = 1.0
DUPLICATES = 0.2
MOST_WORDS = 120
IMPATIENT = 0.3
"""Share of clients that give up at the first unknown outcome and never settle their reservation."""
INTENTS: tuple[Intent, ...] = ("commit", "release", "extend", "leave")


@dataclass(frozen=True, slots=True)
class Spec:
    """One load. `hot_share` of the clients ask for `hot`, the others for any of `skus`."""

    run: str
    address: str
    rate: float
    hot: str
    skus: tuple[str, ...]
    hot_share: float = 0.3
    ttl_s: int = 15
    think_s: float = 0.3
    timeout_s: float = 4.0
    weights: tuple[float, ...] = (0.5, 0.3, 0.1, 0.1)
    """Of INTENTS."""
    at_the_edge: bool = False
    """Commits arrive when the reservation is about to expire."""
    poisoned: float = 0.0
    """Share of clients with the owner `poison`."""
    duplicates: float = DUPLICATES
    impatient: float = IMPATIENT
    channels: int = 4
    retried_by_grpc: bool = False
    """Channels retry UNAVAILABLE themselves, as an ordinary service config says."""


class Journeys:
    """All clients of one generator process; `ledger` records the answers they receive."""

    def __init__(self, spec: Spec, channels: list[grpc.aio.Channel], seed: str, acked: Callable[[], None]) -> None:
        self.ledger = Ledger()
        self.patience_until = float("inf")
        self._spec = spec
        self._stubs: list[Any] = [ReservationServiceStub(channel) for channel in channels]
        self._chance = random.Random(seed)
        self._acked = acked

    async def run(self, number: int, client: int) -> None:
        """Runs one journey from start to end."""
        spec, chance = self._spec, self._chance
        entry = self._entry(f"{spec.run}-{client}-{number}")
        self.ledger.entries.append(entry)
        duplicate = chance.random()
        twins = 2 if duplicate < spec.duplicates / 2 else 1
        patient = chance.random() >= spec.impatient and not entry.owner
        await asyncio.gather(*(self._reserve(entry, patient) for _ in range(twins)))
        if entry.held:
            await self._settle(entry, patient)
        if spec.duplicates / 2 <= duplicate < spec.duplicates:
            await self._reserve(entry, patient)

    def _entry(self, id: str) -> Entry:
        spec, chance = self._spec, self._chance
        size = chance.choices((1, 2, 3), (0.8, 0.1, 0.1))[0]
        skus = chance.sample(spec.skus, size)
        if chance.random() < spec.hot_share:
            skus[0] = spec.hot
        lines = tuple((sku, chance.randint(1, 3)) for sku in skus)
        owner = "poison" if spec.poisoned and chance.random() < spec.poisoned else ""
        return Entry(id, lines, chance.choices(INTENTS, spec.weights)[0], owner)

    async def _reserve(self, entry: Entry, patient: bool) -> None:
        request = pb.ReserveStockRequest(
            request_id=entry.id,
            lines=[pb.ReserveLine(sku=sku, quantity=quantity) for sku, quantity in entry.lines],
            ttl_seconds=self._spec.ttl_s,
            owner=entry.owner,
        )

        def unknown() -> None:
            entry.unknown += 1

        answer, reason = await self._ask("reserve", "ReserveStock", request, patient, unknown)
        if answer is None:
            entry.refused = reason or entry.refused
            return
        entry.held = True
        entry.expires_ms = max(entry.expires_ms, answer.reservation.expire_time.ToMilliseconds())

    async def _settle(self, entry: Entry, patient: bool) -> None:
        await asyncio.sleep(self._thinking_s(entry))
        if entry.intent == "leave":
            return
        if entry.intent == "extend":
            extend = pb.ExtendReservationRequest(reservation_id=entry.id, ttl_seconds=self._spec.ttl_s)
            answer, _ = await self._ask("extend", "ExtendReservation", extend, patient)
            if answer is not None:
                entry.expires_ms = max(entry.expires_ms, answer.reservation.expire_time.ToMilliseconds())
        entry.settle_asked = True
        if entry.intent == "release":
            release = pb.ReleaseReservationRequest(reservation_id=entry.id)
            answer, reason = await self._ask("release", "ReleaseReservation", release, patient)
        else:
            commit = pb.CommitReservationRequest(reservation_id=entry.id)
            answer, reason = await self._ask("commit", "CommitReservation", commit, patient)
        if answer is not None:
            state = reservation_pb2.Reservation.State.Name(answer.reservation.state)
            entry.settled = state.removeprefix("STATE_")
        entry.settle_refused = reason

    def _thinking_s(self, entry: Entry) -> float:
        if self._spec.at_the_edge:
            lapses_s = entry.expires_ms / 1000 + GRACE_S - time.time()
            return max(0.0, lapses_s + self._chance.uniform(-0.3, 0.6))
        return self._chance.expovariate(1 / self._spec.think_s)

    async def _ask(
        self,
        name: str,
        method: str,
        request: Any,
        patient: bool,
        unknown: Callable[[], None] = lambda: None,
    ) -> tuple[Any, str]:
        """Returns the answer, or the reason of the refusal; neither if the client gave up."""
        pause_s = FIRST_PAUSE_S
        while True:
            call: Awaitable[Any] = getattr(self._chance.choice(self._stubs), method)(
                request, timeout=self._spec.timeout_s
            )
            try:
                answer, reason, code = await self._attempt(name, call)
            except asyncio.CancelledError:
                unknown()
                raise
            if answer is not None:
                self._acked()
                return answer, ""
            if code not in TRY_AGAIN:
                self._acked()
                return None, reason
            if reason not in NOTHING_DONE:
                unknown()
            if (not patient and reason not in NOTHING_DONE) or time.monotonic() > self.patience_until:
                return None, ""
            await asyncio.sleep(pause_s * self._chance.uniform(0.5, 1.5))
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

    async def _attempt(self, name: str, call: Awaitable[Any]) -> tuple[Any, str, grpc.StatusCode]:
        ledger = self.ledger
        ledger.requests += 1
        started = time.monotonic()
        try:
            answer = await call
        except grpc.aio.AioRpcError as failed:
            reason, code = errors.from_rpc_error(failed).reason, failed.code()
            answer, outcome = None, reason
            if reason == code.name:
                ledger.words[f"{reason}: {failed.details()}"[:MOST_WORDS]] += 1
        else:
            reason, code, outcome = "", grpc.StatusCode.OK, "OK"
        ledger.outcomes[f"{name} {outcome}"] += 1
        ledger.latencies.add(f"{name} {outcome}", (time.monotonic() - started) * 1000)
        return answer, reason, code


GRACE_S = 2.0
"""The product's own: a reservation expires this long after its expire_time."""
