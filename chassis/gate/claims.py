"""The protocol's steps, in their order: take from the gate first, give back to the gate last.

One object per partition and process. Every step may be interrupted at any await; the sweeper finds what is left half done, and
a repeated request takes effect once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

import psycopg

from chassis import db_errors, errors, stages, telemetry
from chassis.batcher import Batcher
from chassis.errors import ServiceError
from chassis.gate import meters
from chassis.gate.epochs import Epochs
from chassis.gate.gate import Action, Gate, Settlement
from chassis.gate.journal import Become, Journal, Settled, Transition
from chassis.gate.model import Aborted, Claim, Reservation, Reused, Stale, Take
from chassis.gate.world import REAL, World

log = telemetry.logger()

GATE_LANES = 1
"""One script at a time per process: requests that arrive meanwhile form the next batch."""
JOURNAL_LANES = 1
"""One transaction at a time per process: two would wait for each other's rows, and each would be smaller."""
PACE_S = 0.007
"""Minimum interval between the starts of batches. An idle process sends a request at once; under load requests wait 3 ms on
average and tail latency falls, since a batch costs as much as a request: at 1,000/s Postgres and Valkey have half as much to
do, at 2,200/s the 99th percentile is a third. Peak throughput is unchanged."""
BATCH_LINES = 1_000
"""Lines per batch: keeps a script within a few milliseconds, so that the gate stays responsive to other callers."""
QUEUE_ITEMS = 4_096
"""Waiting requests per stage; about half a second of work. Further requests are refused before anything is done."""
JOURNAL_TRIES = 3
"""Tries of a batch whose COMMIT is in doubt: it is idempotent, so running it again resolves the doubt."""
GATE_TRIES = 5
"""Tries at the gate: a lost gate is adopted or rebuilt first. A repeat is safe: taking twice is taking once."""
GATE_PAUSE_S = 0.02
"""Doubles with each try: a restarted server costs its callers milliseconds, one that stays away about half a second."""
REMEMBER_MS = 600_000
"""The gate remembers a committed reservation this long, so that a repeat succeeds even when nothing is left: about 200
bytes each."""
BREAKER_S = 0.5
"""After a failure of the journal, requests are refused this long before it is tried again."""


class Reserved(NamedTuple):
    """A reservation that exists in the journal; `replayed` when an earlier request made it."""

    reservation: Reservation
    replayed: bool


class Claims:
    """Reserve, commit, release, extend and expire, through the gate and the journal of one partition."""

    def __init__(self, gate: Gate, journal: Journal, epochs: Epochs, world: World = REAL) -> None:
        self._gate = gate
        self._journal = journal
        self._epochs = epochs
        self._world = world
        self._journal_down_until = 0.0
        meters.BREAKER.read_from(lambda: world.monotonic_s() < self._journal_down_until)
        self._journal_stage: Batcher[Take, Reservation] = stages.stage(
            "journal.reserve",
            self._flush_journal,
            lanes=JOURNAL_LANES,
            batch_weight=BATCH_LINES,
            queue_items=QUEUE_ITEMS,
            weight=lambda take: len(take.taken),
        )
        self._gate_stage: Batcher[tuple[Claim, str], Take] = stages.stage(
            "gate.reserve",
            self._flush_gate,
            lanes=GATE_LANES,
            batch_weight=BATCH_LINES,
            queue_items=QUEUE_ITEMS,
            weight=lambda item: len(item[0].lines),
            after=self._journal_stage,
            pace_s=PACE_S,
        )
        self._settle_stage: Batcher[Transition, tuple[Reservation | None, bool]] = stages.stage(
            "journal.settle",
            self._flush_settle,
            lanes=JOURNAL_LANES,
            batch_weight=BATCH_LINES,
            queue_items=QUEUE_ITEMS,
            pace_s=PACE_S,
        )

    def start(self) -> None:
        """Starts the stages, in the running loop."""
        for stage in (self._gate_stage, self._journal_stage, self._settle_stage):
            stage.start()

    async def close(self) -> None:
        """Completes pending requests."""
        for stage in (self._gate_stage, self._journal_stage, self._settle_stage):
            await stage.close()

    async def reserve(self, claim: Claim) -> Reserved:
        """Claims all lines or none; durable when it returns. Safe to repeat: a repeat returns the same reservation.

        Refused (does not fit), Reused (same id, other body), Aborted (undone before), OVERLOADED, GATE_REBUILDING,
        GATE_UNREACHABLE, JOURNAL_UNREACHABLE.
        """
        if self._world.monotonic_s() < self._journal_down_until:
            raise errors.unavailable("JOURNAL_UNREACHABLE", "Postgres does not answer")
        nonces: set[str] = set()
        failed: ServiceError | None = None
        for attempt in range(GATE_TRIES):
            # A new token per try: the row may hold the token of an earlier try, committed since and unknown to a new epoch.
            nonce = self._world.token()
            nonces.add(nonce)
            try:
                take, reservation = await self._try(claim, nonce)
            except Stale:
                meters.STALE.value += 1
                continue
            except ServiceError as unreachable:
                if unreachable.reason != "GATE_UNREACHABLE":
                    raise
                failed = unreachable
                await asyncio.sleep(GATE_PAUSE_S * 2**attempt * self._world.jitter())
                continue
            return await self._accept(take, reservation, nonces)
        raise failed or errors.unavailable("GATE_REBUILDING", "the gate is being rebuilt")

    async def _try(self, claim: Claim, nonce: str) -> tuple[Take, Reservation]:
        """One pass through gate and journal. Stale: another epoch serves now, so another try may succeed."""
        try:
            take = await self._gate_stage.submit((claim, nonce))
            return take, await self._journal_stage.submit(take)
        except Stale as stale:
            await self._epochs.ensure(stale.epoch)
            raise

    async def settle(
        self, id: str, to: Become, ttl_ms: int = 0, owner: str | None = None, forced: str = ""
    ) -> tuple[Reservation | None, bool]:
        """Moves one reservation; returns its new state (None: unknown) and whether this call moved it.

        `owner` and `forced` as in Transition: a reservation of another owner is not moved. Safe to repeat: a repeat finds
        the reservation moved.
        """
        return await self._settle_stage.submit(Transition(id, to, ttl_ms, owner, forced))

    async def settle_many(self, transitions: Sequence[Transition]) -> Settled:
        """Moves reservations in one transaction, then notifies the gate; ids distinct. For background jobs."""
        settled = await self._journal.settle(transitions)
        for id in settled.changed:
            meters.SETTLED.of(settled.reservations[id].state).value += 1
        await self._tell_gate(settled)
        return settled

    async def _accept(self, take: Take, reservation: Reservation, nonces: set[str]) -> Reserved:
        """Compares the journal's row with the take: the row decides the outcome; a take that it does not hold is given back."""
        if take.nonce in nonces and reservation.nonce != take.nonce:
            await self._give_back(take)
        if reservation.state == "ABORTED":
            raise Aborted(reservation.id)
        if reservation.fingerprint != take.claim.fingerprint:
            raise Reused
        return Reserved(reservation, replayed=reservation.nonce not in nonces)

    async def _flush_gate(self, items: Sequence[tuple[Claim, str]]) -> list[Take | Exception]:
        epoch = self._epochs.current
        if epoch == 0:
            raise Stale(0)
        answers: list[Take | Exception] = await self._gate.reserve(epoch, items)
        return answers

    async def _flush_journal(self, takes: Sequence[Take]) -> list[Reservation | Exception]:
        """One transaction for all takes of the current epoch; those of an older one go through the gate again."""
        epoch = max(take.epoch for take in takes)
        distinct = {take.claim.id: take for take in takes if take.epoch == epoch}
        found = await self._write(list(distinct.values()))
        return [found[take.claim.id] if take.epoch == epoch else Stale(take.epoch) for take in takes]

    async def _write(self, takes: Sequence[Take]) -> dict[str, Reservation | Exception]:
        """Runs the batch until its outcome is known, in halves when one take is bad. Errors are per take."""
        failed = errors.unavailable("JOURNAL_UNREACHABLE", "Postgres does not answer")
        for _ in range(JOURNAL_TRIES):
            try:
                rows = await self._journal.reserve(takes)
            except Stale as stale:
                return {take.claim.id: stale for take in takes}
            except ServiceError as error:
                failed = error
                continue
            except psycopg.Error as refused:
                if len(takes) == 1:
                    return {takes[0].claim.id: await self._refuse(takes[0], refused)}
                middle = len(takes) // 2
                return await self._write(takes[:middle]) | await self._write(takes[middle:])
            self._journal_down_until = 0.0
            return dict(rows)
        if failed.reason != db_errors.CONFLICT:  # on a conflict Postgres works: other writers were in the way
            self._journal_down_until = self._world.monotonic_s() + BREAKER_S
        return {take.claim.id: failed for take in takes}

    async def _refuse(self, take: Take, refused: psycopg.Error) -> Reservation | Exception:
        """The journal refused this take: a tombstone makes that final, then the gate gets it back. But if a repeat that got
        the same take from the gate has written it since (`make sim`, seed 859013), it stands."""
        settled = await self.settle_many([Transition(take.claim.id, "ABORTED")])
        found = settled.reservations.get(take.claim.id)
        if found is not None and found.nonce == take.nonce and found.state in ("ACTIVE", "COMMITTED"):
            return found
        await self._give_back(take)
        if refused.sqlstate == "OS001":
            meters.GUARD_REFUSALS.add()
            log.warning("journal.guard_refused", reservation=take.claim.id)
            return GuardRefused()
        meters.ROWS_REFUSED.add()
        log.error("journal.row_refused", reservation=take.claim.id, error=str(refused))
        return refused

    async def _give_back(self, take: Take) -> None:
        """Returns one take to the gate; when that fails, the sweeper does it."""
        await self._tell(take.epoch, [Settlement(take.claim.id, take.nonce, "give")])

    async def _flush_settle(self, items: Sequence[Transition]) -> list[tuple[Reservation | None, bool] | Exception]:
        """Settles distinct ids together; the second transition of one id waits for the next round."""
        answers: list[tuple[Reservation | None, bool] | Exception | None] = [None] * len(items)
        open_items = list(enumerate(items))
        while open_items:
            round_items: dict[str, tuple[int, Transition]] = {}
            later = []
            for position, item in open_items:
                if item.id in round_items:
                    later.append((position, item))
                else:
                    round_items[item.id] = (position, item)
            settled = await self._settle_until_known([item for _, item in round_items.values()])
            for position, item in round_items.values():
                answers[position] = (settled.reservations.get(item.id), item.id in settled.changed)
            open_items = later
        return [answer for answer in answers if answer is not None]

    async def _settle_until_known(self, transitions: Sequence[Transition]) -> Settled:
        for attempt in range(1, JOURNAL_TRIES + 1):
            try:
                return await self.settle_many(transitions)
            except ServiceError as error:
                if not db_errors.is_transient(error) or attempt == JOURNAL_TRIES:
                    raise
        raise AssertionError("unreachable")

    async def _tell_gate(self, settled: Settled) -> None:
        """Gives back ended reservations and schedules committed ones to be forgotten, each by the token of its take."""
        actions: dict[str, Action] = {"RELEASED": "give", "EXPIRED": "give", "COMMITTED": "later"}
        settlements = [
            Settlement(found.id, found.nonce, actions[found.state], REMEMBER_MS)
            for found in settled.reservations.values()
            if found.state in actions
        ]
        if settlements:
            await self._tell(settled.epoch, settlements)

    async def _tell(self, epoch: int, settlements: Sequence[Settlement]) -> None:
        """The journal has decided; the gate may learn it late. The sweeper finds what fails here."""
        try:
            await self._gate.settle(epoch, settlements)
        except (ServiceError, Stale) as failed:
            log.info("gate.told_later", reservations=len(settlements), error=str(failed))


class GuardRefused(Exception):
    """The gate let through more than the journal has: a forced decrease was faster, or the gate has drifted."""
