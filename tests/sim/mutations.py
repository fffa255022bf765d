"""The safeguards of the protocol, each removed in the simulation only; each removal must make a seed fail."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from chassis.gate.gate import Action, Settlement
from chassis.gate.journal import Settled, Transition
from chassis.gate.model import NO_MARK, Mark
from tests.sim.links import SnapshotLink
from tests.sim.process import Process
from tests.sim.scenario import Mutation
from tests.sim.site import Site


def _gate(name: str, value: bool = False) -> Callable[[Site], None]:
    return lambda site: setattr(site.primary, name, value)


def _journal(name: str) -> Callable[[Site], None]:
    return lambda site: setattr(site.journal, name, False)


def _gives_first(process: Process) -> None:
    """Releases and expiries reach the gate before the journal has decided."""
    settle_many = process.claims.settle_many

    async def gate_first(transitions: Sequence[Transition]) -> Settled:
        ending = [one.id for one in transitions if one.to in ("RELEASED", "EXPIRED")]
        rows = await process.journal.read(ending)
        given = [Settlement(row.id, row.nonce, "give") for row in rows.values() if row.state == "ACTIVE"]
        await process.claims._tell(process.epochs.current, given)
        return await settle_many(transitions)

    process.claims.settle_many = gate_first  # type: ignore[method-assign]


def _no_tombstone(process: Process) -> None:
    """The sweeper gives back a claim that the journal does not know at once."""
    settle_many = process.claims.settle_many

    async def without(transitions: Sequence[Transition]) -> Settled:
        kept = [one for one in transitions if one.to != "ABORTED"]
        return await settle_many(kept) if kept else Settled(process.epochs.current, {}, set())

    process.claims.settle_many = without  # type: ignore[method-assign]


def _decrease_gate_first(process: Process) -> None:
    """A count finds less: the gate gets the change before the journal."""

    async def gate_first(reference: str, key: str, on_hand: int) -> None:
        if on_hand >= 0:
            await process.adjustments.apply(await process.journal.change(reference, key, on_hand))
            return
        number = -int(reference.rsplit("-", 1)[1])  # a substitute id: the journal has not assigned one yet
        await process.gate.adjust(process.epochs.current, [(number, key, on_hand, process.now_ms())])
        rows = await process.journal.change(reference, key, on_hand)
        await process.journal.forget([row.id for row in rows])

    process.change = gate_first  # type: ignore[method-assign]


def _snapshot_without_lock(process: Process) -> None:
    """The rebuild reads the journal after it has admitted writers of the new epoch."""
    begin = process.rebuilds.begin
    site = process.site

    @asynccontextmanager
    async def unlocked(run_id: str, least: int) -> AsyncIterator[SnapshotLink]:
        async with begin(run_id, least) as snapshot:
            yield await site.wire.call("JOURNAL_UNREACHABLE", lambda: SnapshotLink(site, snapshot.epoch))

    process.rebuilds.begin = unlocked  # type: ignore[method-assign]


def _no_run_watch(process: Process) -> None:
    """The watch does not detect that the server was replaced."""
    serving = process.rebuilds.serving

    async def blind() -> Any:
        row = await serving()
        return row._replace(run_id=process.site.primary.run_id)

    process.rebuilds.serving = blind  # type: ignore[method-assign]


def _no_marks(process: Process) -> None:
    """The watch does not read the journal's mark in the gate."""

    async def none(epoch: int) -> Mark:
        return NO_MARK

    process.gate.mark = none  # type: ignore[method-assign]


def _no_sweeper(process: Process) -> None:
    async def nothing() -> int:
        return 0

    process.jobs = tuple(job if job != process.sweeper.run_once else nothing for job in process.jobs)


def _no_late_adjustments(process: Process) -> None:
    async def nothing() -> int:
        return 0

    process.jobs = tuple(job if job != process.adjustments.run_once else nothing for job in process.jobs)


def _always_forgets(process: Process) -> None:
    """A committed row's entry is forgotten, whichever take it belongs to."""
    _verdicts(process, "forget")


def _never_forgets(process: Process) -> None:
    """A committed row's entry is given back, as if it always belonged to another take."""
    _verdicts(process, "give")


def _verdicts(process: Process, action: Action) -> None:
    settle = process.sweeper._gate.settle

    async def changed(epoch: int, settlements: Sequence[Settlement]) -> str:
        rows = process.site.journal.rows
        sold = {one.id for one in settlements if one.id in rows and rows[one.id].state == "COMMITTED"}
        told = [Settlement(one.id, one.nonce, action) if one.id in sold else one for one in settlements]
        return await settle(epoch, told)

    process.sweeper._gate.settle = changed  # type: ignore[method-assign]


ALL = (
    Mutation("gate last for gives (1)", process=_gives_first),
    Mutation("forced decrease: journal first (1)", process=_decrease_gate_first),
    Mutation("the journal guards every take (2)", site=_journal("guards")),
    Mutation("tombstone before giving back the unknown (3)", process=_no_tombstone),
    Mutation("one arbiter: compare-and-set on the state (3)", site=_journal("checks_state")),
    Mutation("one arbiter: it compares the owner (3)", site=_journal("checks_owner")),
    Mutation("fence: a restarted server lost its scripts (4)", site=_gate("scripts_survive", True)),
    Mutation("fence: the script asks for the pointer (4)", site=_gate("checks_pointer")),
    Mutation("the journal checks the epoch (5)", site=_journal("checks_epoch")),
    Mutation("the gate takes an id once (6)", site=_gate("knows_ids")),
    Mutation("the journal takes an id once (6)", site=_journal("knows_ids")),
    Mutation("gives carry their epoch (7)", site=_gate("checks_epoch")),
    Mutation("the take's token, in give.lua (7)", site=_gate("checks_token")),
    Mutation("the sweeper (9)", process=_no_sweeper),
    Mutation("committed: another take is given back (9)", process=_always_forgets),
    Mutation("committed: its own take is forgotten (9)", process=_never_forgets),
    Mutation("the snapshot is taken under the lock (10)", process=_snapshot_without_lock),
    Mutation("an epoch flushed while loading is not published (10)", site=_gate("publish_announced_only")),
    Mutation("the watch sees another run of the server (10)", process=_no_run_watch),
    Mutation("a journal behind the gate's mark was restored (10)", process=_no_marks),
    Mutation("adjustments count once", site=_gate("remembers_applied")),
    Mutation("adjustments are brought later", process=_no_late_adjustments),
)
