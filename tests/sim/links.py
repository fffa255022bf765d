"""A process's connections: the methods of Gate, Journal and Rebuilds, served by the simulated servers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, TypeVar

from chassis import errors
from chassis.gate.gate import FIRST_LOOK_MS, Due, Entry, Settlement
from chassis.gate.journal import Noted, Settled, Standing, Transition
from chassis.gate.model import NO_MARK, Claim, Mark, Refused, Reservation, Take
from chassis.gate.rebuilds import Serving
from tests.sim.gate_server import GateServer
from tests.sim.loop import Host
from tests.sim.site import Site

T = TypeVar("T")
GATE = "GATE_UNREACHABLE"
JOURNAL = "JOURNAL_UNREACHABLE"


class GateLink:
    """As chassis.gate.gate.Gate."""

    def __init__(self, site: Site, host: Host, role: str = "claims") -> None:
        self._site = site
        self._host = host
        self._role = role

    async def reserve(self, epoch: int, claims: Sequence[tuple[Claim, str]]) -> list[Any]:
        def effect(gate: GateServer) -> list[Any]:
            answers = gate.reserve(epoch, claims, self._site.now_ms(), FIRST_LOOK_MS)
            for (claim, nonce), answer in zip(claims, answers, strict=True):
                self._site.tell(f"gate takes {claim.id}/{nonce}: {answer!r:.110}")
                if isinstance(answer, Refused):
                    self._site.oracle.refused(gate, epoch, claim, answer)
                if isinstance(answer, Take) and answer.nonce != nonce:
                    self._site.oracle.repeated(claim, epoch)
            return answers

        return await self._call(effect)

    async def settle(self, epoch: int, settlements: Sequence[Settlement]) -> str:
        def effect(gate: GateServer) -> str:
            self._site.oracle.giving(self._role, gate, epoch, settlements)
            answer = gate.settle(epoch, settlements, self._site.now_ms())
            self._site.tell(f"gate {answer} in {epoch}: {[(one.action, one.id, one.nonce) for one in settlements]}")
            self._site.oracle.gave(answer)
            return answer

        return await self._call(effect)

    async def adjust(self, epoch: int, changes: Sequence[tuple[int, str, int, int]]) -> str:
        def effect(gate: GateServer) -> str:
            answer = gate.adjust(epoch, changes, self._site.now_ms())
            self._site.tell(f"gate {answer} in {epoch}: adjust {changes}")
            if answer == "NEWER":
                self._site.oracle.paths["adjustment counted by a rebuild"] += 1
            return answer

        return await self._call(effect)

    async def due(self, epoch: int, ahead_ms: int, most: int) -> tuple[int, list[Due]]:
        def effect(gate: GateServer) -> tuple[int, list[Due]]:
            now_ms = self._site.now_ms()
            return now_ms, gate.due(epoch, now_ms + ahead_ms, most)

        return await self._call(effect)

    async def serves(self, epoch: int) -> bool:
        loaded = await self._call(lambda gate: epoch in gate.scripts)
        return await self._call(lambda gate: gate.keys.pointer == epoch) and loaded

    async def run_id(self) -> str:
        return await self._call(lambda gate: gate.run_id)

    async def current_epoch(self) -> int | None:
        return await self._call(lambda gate: gate.keys.pointer)

    async def mark(self, epoch: int) -> Mark:
        return await self._call(lambda gate: gate.keys.marks.get(epoch, NO_MARK))

    async def remember_mark(self, epoch: int, mark: Mark) -> None:
        await self._call(lambda gate: gate.remember_mark(epoch, mark))

    async def check_server(self) -> None:
        return

    async def announce(self, epoch: int) -> None:
        await self._call(lambda gate: gate.announce(epoch))

    async def load_counters(self, epoch: int, counters: Sequence[tuple[str, int]]) -> None:
        await self._call(lambda gate: gate.load_counters(epoch, counters))

    async def load_entries(self, epoch: int, entries: Sequence[Entry], look_ms: int) -> None:
        await self._call(lambda gate: gate.load_entries(epoch, entries, self._site.now_ms() + look_ms))

    async def publish(self, epoch: int) -> bool:
        older = await self._call(lambda gate: gate.publish(epoch))
        self._site.tell(f"gate publish {epoch}: drops {older}")
        if older is None:
            self._site.oracle.paths["publish refused"] += 1
            return False
        await self._call(lambda gate: self._load_script(gate, epoch))
        for one in older:
            await self._call(partial(_drop, one))
        return True

    def _load_script(self, gate: GateServer, epoch: int) -> None:
        gate.scripts.add(epoch)
        if gate.run_id != self._site.journal.run_id:
            gate.misplaced.add(epoch)

    async def _call(self, effect: Callable[[GateServer], T]) -> T:
        def checked() -> T:
            result = effect(self._site.gate_of(self._host))
            self._site.oracle.step()
            return result

        return await self._site.wire.call(GATE, checked)


def _drop(epoch: int, gate: GateServer) -> None:
    gate.drop(epoch)


class JournalLink:
    """As chassis.gate.journal.Journal."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self.partition = 0

    async def reserve(self, takes: Sequence[Take]) -> dict[str, Reservation]:
        def effect() -> dict[str, Reservation]:
            new = [take for take in takes if take.claim.id not in self._site.journal.rows]
            try:
                rows = self._site.journal.reserve(takes)
            except Exception as refused:
                self._site.tell(f"journal refuses {[take.claim.id for take in takes]}: {refused!r}")
                self._site.oracle.paths[f"journal refused: {type(refused).__name__}"] += 1
                raise
            self._site.tell(f"journal has {[(row.id, row.nonce, row.state) for row in rows.values()]}")
            self._site.oracle.taken(new)
            self._note(takes, rows)
            return rows

        return await self._call(effect)

    def _note(self, takes: Sequence[Take], rows: dict[str, Reservation]) -> None:
        for take in takes:
            row = rows[take.claim.id]
            if row.state == "ABORTED":
                self._site.oracle.paths["tombstone beat a late write"] += 1
            elif row.nonce != take.nonce:
                late = "after its commit" if row.state == "COMMITTED" else "of another take"
                self._site.oracle.paths[f"duplicate {late} found by the journal"] += 1

    async def settle(self, transitions: Sequence[Transition]) -> Settled:
        def effect() -> Settled:
            self._site.oracle.settled(transitions)
            settled = self._site.journal.settle(transitions)
            self._site.tell(f"journal settles {[(one.to, one.id) for one in transitions]}: changed {settled.changed}")
            return settled

        return await self._call(effect)

    async def read(self, ids: Sequence[str]) -> dict[str, Reservation]:
        return await self._call(
            lambda: {id: self._site.journal.rows[id] for id in ids if id in self._site.journal.rows}
        )

    async def expired(self, most: int) -> list[str]:
        return await self._call(lambda: self._site.journal.expired(most))

    async def look(self, epoch: int, ids: Sequence[str]) -> dict[str, Standing]:
        return await self._call(lambda: self._site.journal.look(epoch, ids))

    async def noted(self, most: int) -> list[Noted]:
        rows = await self._call(lambda: self._site.journal.pending(most))
        if rows:
            self._site.oracle.paths["adjustment applied late"] += 1
        return rows

    async def forget(self, ids: Sequence[int]) -> None:
        await self._call(lambda: self._site.journal.forget(ids))

    async def change(self, reference: str, key: str, on_hand: int) -> list[Noted]:
        """A use case of inventory, in its own transaction."""

        def effect() -> list[Noted]:
            self._site.tell(f"journal changes {key} by {on_hand}")
            return self._site.journal.change(reference, key, on_hand)

        return await self._call(effect)

    async def _call(self, effect: Callable[[], T]) -> T:
        def checked() -> T:
            result = effect()
            self._site.oracle.step()
            return result

        return await self._site.wire.call(JOURNAL, checked)


class SnapshotLink:
    """As chassis.gate.rebuilds.Snapshot: a copy, read piece by piece."""

    def __init__(self, site: Site, epoch: int) -> None:
        self.epoch = epoch
        self._site = site
        self._counters, self._live = site.journal.counters(), site.journal.live()
        self._life = site.wire.life(JOURNAL)

    async def counters(self) -> AsyncIterator[list[tuple[str, int]]]:
        middle = len(self._counters) // 2
        for part in (self._counters[:middle], self._counters[middle:]):
            yield await self._site.wire.call(JOURNAL, partial(self._read, part))

    async def entries(self) -> AsyncIterator[list[Entry]]:
        if self._live:
            yield await self._site.wire.call(JOURNAL, partial(self._read, self._live))

    def _read(self, rows: list[T]) -> list[T]:
        if self._site.wire.life(JOURNAL) != self._life:
            raise errors.unavailable(JOURNAL, "the snapshot ended with its server")
        return list(rows)


class RebuildsLink:
    """As chassis.gate.rebuilds.Rebuilds."""

    def __init__(self, site: Site, host: Host) -> None:
        self._site = site
        self._host = host
        self.partition = 0
        self.sessions: set[object] = set()

    async def serving(self) -> Serving:
        return await self._site.wire.call(JOURNAL, lambda: self._site.journal.serving())

    async def advance(self, epoch: int, seen: Mark, token: str) -> Mark | None:
        return await self._site.wire.call(JOURNAL, lambda: self._site.journal.advance(epoch, seen, token))

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        session = object()
        self.sessions.add(session)
        await self._site.lock.acquire(session, self._host)
        try:
            yield
        finally:
            self.sessions.discard(session)
            if self._site.lock.holder is not session:
                raise errors.unavailable(JOURNAL, "the session was lost")
            self._site.lock.release(session)

    @asynccontextmanager
    async def begin(self, run_id: str, least: int) -> AsyncIterator[SnapshotLink]:
        def effect() -> SnapshotLink:
            journal = self._site.journal
            if journal.epoch == journal.restored_in == self._site.primary.keys.pointer:
                self._site.oracle.paths["a restored journal noticed by its mark"] += 1
            epoch = journal.begin(run_id, least)
            self._site.tell(f"journal begins epoch {epoch} on {run_id}")
            self._site.tally["rebuilds"] += 1
            return SnapshotLink(self._site, epoch)

        yield await self._site.wire.call(JOURNAL, effect)
