"""The sweeper (rule 9): compares entries of the gate with the journal. Also expires reservations (rule 8)."""

from __future__ import annotations

from chassis import telemetry
from chassis.gate import meters
from chassis.gate.claims import Claims
from chassis.gate.epochs import Epochs
from chassis.gate.gate import Due, Gate, Settlement
from chassis.gate.journal import Journal, Standing, Transition

log = telemetry.logger()

BATCH = 200
"""Entries per round: two short scripts, one statement, and about a millisecond of this process."""
LOOK_AGAIN_MS = 60_000
"""A live reservation is looked at this often, not only when it expires: the units of a release whose message to the gate was
lost must not wait for that. 100,000 live ones cost about 1,700 looks a second."""


class Sweeper:
    """Finds what a crash left between gate and journal. Any number may run; one per partition is enough."""

    def __init__(self, gate: Gate, journal: Journal, epochs: Epochs, claims: Claims) -> None:
        self._gate = gate
        self._journal = journal
        self._epochs = epochs
        self._claims = claims

    async def run_once(self, ahead_ms: int = 0) -> int:
        """Settles up to BATCH entries that are due, or will be `ahead_ms` from now; returns how many were looked at. A
        lost epoch or server raises."""
        epoch = self._epochs.current
        if epoch == 0:
            return 0  # the gate is not built yet
        looked_ms, entries = await self._gate.due(epoch, ahead_ms, BATCH)
        if not entries:
            return 0
        found = await self._journal.look(epoch, [entry.id for entry in entries])
        unknown = [entry.id for entry in entries if entry.id not in found and entry.nonce]
        if unknown:
            # Not "Redis has it, Postgres does not, so give it back": first a tombstone, so that a journal entry that is
            # still on its way finds its id dead. If the journal entry was faster, the returned row says so.
            settled = await self._claims.settle_many([Transition(id, "ABORTED") for id in unknown])
            found |= {row.id: Standing(row.state, row.nonce) for row in settled.reservations.values()}
            meters.TOMBSTONES.add(len(unknown))
            log.info("sweeper.tombstones", count=len(unknown))
        verdicts = [_verdict(entry, found.get(entry.id), looked_ms) for entry in entries]
        await self._gate.settle(epoch, verdicts)
        meters.LOOKED_AT.add(len(verdicts))
        meters.GIVEN_BACK.add(sum(verdict.action == "give" for verdict in verdicts))
        return len(entries)

    async def expire_once(self) -> int:
        """Expires up to BATCH reservations whose time is over by the journal's clock; returns how many."""
        ids = await self._journal.expired(BATCH)
        if not ids:
            return 0
        settled = await self._claims.settle_many([Transition(id, "EXPIRED") for id in ids])
        return len(settled.changed)


def _verdict(entry: Due, found: Standing | None, looked_ms: int) -> Settlement:
    if found is None or found.state in ("RELEASED", "EXPIRED", "ABORTED"):
        return Settlement(entry.id, entry.nonce, "give")
    if found.state == "ACTIVE":
        # Counted from the look, not from this message's arrival: it may have ended meanwhile (`make sim`, seed 145223).
        return Settlement(entry.id, entry.nonce, "later", LOOK_AGAIN_MS, looked_ms)
    # Committed: the units are sold. An entry of another take is a late duplicate that took again: that one is given back.
    return Settlement(entry.id, entry.nonce, "forget" if entry.nonce == found.nonce else "give")
