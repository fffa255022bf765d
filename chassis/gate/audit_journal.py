"""The audit's side of Postgres: one round is one transaction that holds the audit's lock and stores its state."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, LiteralString, NamedTuple

import orjson

from chassis.db import Database, Tx
from chassis.events import outbox
from chassis.gate import audit_sql
from chassis.gate.audit_sql import HISTORY, NUMBERS, AuditSql
from chassis.gate.audit_state import MOST_MISMATCHES, AuditState, Mismatch, from_json

FETCH = 1_000
"""Rows of a cursor at a time: about a millisecond of this process."""


class Known(NamedTuple):
    """The journal's current values for a level."""

    takeable: int
    version: int
    pending: bool


NO_LEVEL = Known(0, 0, False)


@dataclass(frozen=True, slots=True)
class Compared:
    """One level beside the sum of its movements, from one snapshot. `complete` says whether all of them are in the sum."""

    key: str
    takeable: int
    complete: bool
    checkpointed: bool
    mismatches: tuple[Mismatch, ...]


class Round:
    """The queries and events of one round, inside its transaction. `state` is stored when the round succeeds."""

    def __init__(self, db: Database, tx: Tx, partition: int, sql: AuditSql, state: AuditState) -> None:
        self.state = state
        self._db = db
        self._tx = tx
        self._partition = partition
        self._sql = sql

    async def epoch(self) -> int:
        """The journal's current epoch; 0 before the first."""
        row = await (await self._tx.execute(audit_sql.EPOCH, (self._partition,))).fetchone()
        return 0 if row is None else int(row[0])

    async def page(self, after: str, most: int) -> list[Compared]:
        """The next levels by key."""
        rows = await (await self._tx.execute(self._sql.page, (self._partition, after, most))).fetchall()
        return [_compared(row, row[2] < HISTORY) for row in rows]

    async def one(self, key: str) -> Compared | None:
        """One level with all its movements."""
        row = await (await self._tx.execute(self._sql.one, (key,))).fetchone()
        return None if row is None else _compared(row, True)

    async def advance(self, key: str) -> bool:
        """Advances the level's checkpoint; False when too few settled movements follow it."""
        return (await self._tx.execute(self._sql.advance, (key, key, key))).rowcount > 0

    async def forget_checkpoint(self, key: str) -> None:
        """Deletes the checkpoint: the level will be summed from its first movement."""
        await self._tx.execute(audit_sql.FORGET, (key,))

    async def levels(self, keys: Sequence[str]) -> dict[str, Known]:
        """The levels that exist, as they are now."""
        pending = {row[0] for row in await self._rows(audit_sql.PENDING, (self._partition, list(keys)))}
        rows = await self._rows(self._sql.levels, (list(keys),))
        return {row[0]: Known(row[1], row[2], row[0] in pending) for row in rows}

    async def ended(self, entries: Iterable[tuple[str, str]]) -> int:
        """How many of these (id, token) have ended in the journal, so that the gate should give them back or forget them."""
        tokens = dict(entries)
        rows = await self._rows(self._sql.states, (list(tokens),))
        over = ("RELEASED", "EXPIRED", "ABORTED")
        return sum(state in over or (state != "ACTIVE" and nonce != tokens[id]) for id, state, nonce in rows)

    async def reserved_mismatches(self) -> list[Mismatch]:
        """Levels whose reserved is not the sum of their active reservations, in one snapshot, streamed."""
        units: Counter[str] = Counter()
        found = []
        async with self._db.transaction() as tx:
            await tx.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            async for key, quantity in _streamed(tx, self._sql.live, self._partition):
                units[key] += quantity
            async for key, reserved in _streamed(tx, self._sql.reserved, self._partition):
                expected = units.pop(key, 0)
                if reserved != expected:
                    found.append(Mismatch(key, "active reservations", expected, reserved))
        found += [Mismatch(key, "active reservations", quantity, 0) for key, quantity in units.items() if quantity]
        return found[:MOST_MISMATCHES]

    async def tell(self, type: str, key: str, payload: dict[str, Any]) -> None:
        """Emits an event, in this transaction."""
        await outbox.put(self._tx, type=type, key=key, payload=payload)

    async def _rows(self, statement: LiteralString, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        return await (await self._tx.execute(statement, values)).fetchall()


class AuditJournal:
    """One partition's audit in one service's database."""

    def __init__(self, db: Database, partition: int, sql: AuditSql) -> None:
        self._db = db
        self._partition = partition
        self._sql = sql

    @asynccontextmanager
    async def round(self, leader: str) -> AsyncIterator[Round | None]:
        """One transaction; None when another process leads or has one open. The state is stored when the block ends."""
        async with self._db.transaction() as tx:
            row = await (await tx.execute(audit_sql.CLAIM, (self._partition,))).fetchone()
            if row is None or not row[0]:
                yield None
                return
            state, is_fresh = await self._load(tx)
            if is_fresh and state.leader not in ("", leader):
                yield None
                return
            current = Round(self._db, tx, self._partition, self._sql, state)
            yield current
            stored = orjson.dumps(current.state.to_json()).decode()
            await tx.execute(audit_sql.SAVE, (self._partition, stored))

    async def state(self) -> AuditState:
        """The state as the last round left it."""
        async with self._db.connection() as connection:
            return (await self._load(connection))[0]

    async def _load(self, tx: Tx) -> tuple[AuditState, bool]:
        row = await (await tx.execute(audit_sql.LOAD, (self._partition,))).fetchone()
        return (AuditState(), False) if row is None else (from_json(row[0]), row[1])


async def _streamed(tx: Tx, statement: LiteralString, partition: int) -> AsyncIterator[tuple[str, int]]:
    async with tx.cursor("audited") as cursor:
        await cursor.execute(statement, (partition,))
        while rows := await cursor.fetchmany(FETCH):
            for row in rows:
                yield row[0], row[1]


def _compared(row: tuple[Any, ...], complete: bool) -> Compared:
    key, takeable, _, checkpointed, numbers = row
    wrong: tuple[Mismatch, ...] = ()
    if numbers is not None:  # the level's, then the sums
        pairs = zip(NUMBERS, numbers[: len(NUMBERS)], numbers[len(NUMBERS) :], strict=True)
        wrong = tuple(
            Mismatch(key, f"movements of {name}", expected, found)
            for name, found, expected in pairs
            if found != expected
        )
    return Compared(key, takeable, complete, checkpointed, wrong)
