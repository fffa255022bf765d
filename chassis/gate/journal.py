"""The journal's side of the protocol: one call per batch. A call whose response was lost is repeated, without harm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, LiteralString, NamedTuple, TypeAlias

import orjson

from chassis import patience
from chassis.db import Database, Tx
from chassis.gate import meters
from chassis.gate.model import Reservation, Stale, State, Take

GRACE_MS = 2_000
"""A reservation expires this long after expires_at: room for a commit that is under way."""

WITHIN_S = 1.0
"""A batch waits this long for a connection: its callers have their own deadlines, and other batches queue behind it."""
ANSWER_S = 5.0
"""A batch takes milliseconds. Without a response for this long its outcome is in doubt and it is run again elsewhere."""

RESERVE: LiteralString = "SELECT journal_reserve(%s, %s, %s::jsonb)::text"
SETTLE: LiteralString = "SELECT journal_settle(%s, %s::jsonb, %s)::text"
LOOK: LiteralString = "SELECT journal_look(%s, %s)::text"
ENTER: LiteralString = "SELECT pg_advisory_xact_lock_shared(7401, %s)"
"""7401 and the partition: shared by every writer of the journal, exclusive for the rebuilder."""
EPOCH: LiteralString = "SELECT epoch FROM gate WHERE partition = %s"
NOTE: LiteralString = """
INSERT INTO gate_adjustments (partition, epoch, key, delta)
SELECT %s, %s, c.key, c.delta FROM unnest(%s::text[], %s::bigint[]) AS c(key, delta) WHERE c.delta <> 0
RETURNING id, epoch, key, delta, journal_ms(created_at)"""
NOTED: LiteralString = """
SELECT id, epoch, key, delta, journal_ms(created_at) FROM gate_adjustments
 WHERE partition = %s AND created_at < now() - interval '1 second' ORDER BY id LIMIT %s"""
FORGET: LiteralString = "DELETE FROM gate_adjustments WHERE id = ANY (%s)"

Become: TypeAlias = Literal["COMMITTED", "RELEASED", "EXPIRED", "ABORTED", "EXTENDED"]


class Transition(NamedTuple):
    """One reservation and its target state.

    It moves only if its row has this `owner` or none; None skips this check. `forced` is the reason given by a person who
    moves another owner's reservation: the event repeats it.
    """

    id: str
    to: Become
    ttl_ms: int = 0
    owner: str | None = None
    forced: str = ""


class Settled(NamedTuple):
    """The result of a batch of transitions: the epoch it was validated in, and each known reservation after it."""

    epoch: int
    reservations: dict[str, Reservation]
    changed: set[str]


class Standing(NamedTuple):
    """The state of a reservation; the take that made it is included only if it has ended."""

    state: State
    nonce: str = ""


ACTIVE = Standing("ACTIVE")


class Noted(NamedTuple):
    """A change of a counter that the gate may not know yet."""

    id: int
    epoch: int
    key: str
    delta: int
    created_ms: int


class Journal:
    """One partition's journal in one service's database; `reservations` is that service's table of reservations."""

    def __init__(self, db: Database, partition: int, reservations: LiteralString) -> None:
        self._db = db
        self.partition = partition
        self._expired: LiteralString = (
            f"SELECT id FROM {reservations} WHERE partition = %s AND state = 'ACTIVE' AND expires_at"
            " < now() - %s * interval '1 millisecond' ORDER BY expires_at LIMIT %s"
        )
        self._read: LiteralString = f"SELECT journal_reservation(r)::text FROM {reservations} r WHERE id = ANY (%s)"

    async def reserve(self, takes: Sequence[Take]) -> dict[str, Reservation]:
        """Writes takes of one epoch, ids distinct; returns every id's reservation as it is afterwards. Stale; OS001."""
        epoch = takes[0].epoch
        batch = [_row(take) for take in takes]
        with meters.CALL_SECONDS.of("reserve").timed():
            async with self._db.connection(WITHIN_S) as connection:
                with patience.of(ANSWER_S):
                    cursor = await connection.execute(RESERVE, (self.partition, epoch, orjson.dumps(batch).decode()))
                answer = await _json(cursor)
        if answer.get("stale"):
            raise Stale(epoch)
        self._db.written.set()
        found = {raw["id"]: _reservation(raw) for raw in answer["existing"]}
        now = answer["now"]
        return {take.claim.id: found.get(take.claim.id) or _made(take, now) for take in takes}

    async def settle(self, transitions: Sequence[Transition]) -> Settled:
        """Moves reservations, ids distinct. A repeat finds them moved and changes nothing."""
        batch = [_change(one) for one in transitions]
        with meters.CALL_SECONDS.of("settle").timed():
            async with self._db.connection(WITHIN_S) as connection:
                with patience.of(ANSWER_S):
                    cursor = await connection.execute(SETTLE, (self.partition, orjson.dumps(batch).decode(), GRACE_MS))
                answer = await _json(cursor)
        self._db.written.set()
        rows = {raw["id"]: _reservation(raw) for raw in answer["rows"]}
        changed = {raw["id"] for raw in answer["rows"] if raw["changed"]}
        return Settled(answer["epoch"], rows, changed)

    async def read(self, ids: Sequence[str]) -> dict[str, Reservation]:
        """Returns the reservations that exist."""
        async with self._db.connection() as connection:
            return await self.read_in(connection, ids)

    async def read_in(self, tx: Tx, ids: Sequence[str]) -> dict[str, Reservation]:
        """As `read`, inside the caller's transaction."""
        rows = await (await tx.execute(self._read, (list(ids),))).fetchall()
        return {found.id: found for found in (_reservation(orjson.loads(row[0])) for row in rows)}

    async def expired(self, most: int) -> list[str]:
        """Ids of active reservations that have expired, longest ago first."""
        async with self._db.connection() as connection:
            cursor = await connection.execute(self._expired, (self.partition, GRACE_MS, most))
            return [row[0] for row in await cursor.fetchall()]

    async def look(self, epoch: int, ids: Sequence[str]) -> dict[str, Standing]:
        """The states of the reservations that exist. Stale unless `epoch` is current while it reads."""
        with meters.CALL_SECONDS.of("look").timed():
            async with self._db.connection() as connection:
                answer = await _json(await connection.execute(LOOK, (self.partition, " ".join(ids))))
        if answer["epoch"] != epoch:
            raise Stale(epoch)
        found = dict.fromkeys(answer["active"].split(), ACTIVE)
        found.update((id, Standing(state, nonce)) for id, state, nonce in answer["ended"])
        return found

    async def note(self, tx: Tx, epoch: int, deltas: Mapping[str, int]) -> list[Noted]:
        """Records, inside the caller's transaction, the changes that the gate must learn after it; a delta of 0 gets no row."""
        keys = sorted(deltas)
        cursor = await tx.execute(NOTE, (self.partition, epoch, keys, [deltas[key] for key in keys]))
        return [Noted(*row) for row in await cursor.fetchall()]

    async def noted(self, most: int) -> list[Noted]:
        """Changes that were recorded at least a second ago and not deleted since."""
        async with self._db.connection() as connection:
            cursor = await connection.execute(NOTED, (self.partition, most))
            return [Noted(*row) for row in await cursor.fetchall()]

    async def forget(self, ids: Sequence[int]) -> None:
        """Deletes changes that the gate has applied."""
        async with self._db.connection() as connection:
            await connection.execute(FORGET, (list(ids),))


async def enter(tx: Tx, partition: int) -> int:
    """The first step of every transaction that writes counters: bars a rebuild until it ends; returns the epoch.

    Two statements on purpose: only the second one's snapshot is sure to see what a rebuilder committed (READ COMMITTED).
    """
    await tx.execute(ENTER, (partition,))
    row = await (await tx.execute(EPOCH, (partition,))).fetchone()
    return 0 if row is None else int(row[0])


def _row(take: Take) -> dict[str, Any]:
    return {
        "id": take.claim.id,
        "fingerprint": take.claim.fingerprint,
        "nonce": take.nonce,
        "owner": take.claim.owner,
        "ttl_ms": take.claim.ttl_ms,
        "lines": [{"key": key, "quantity": quantity} for key, quantity in take.taken],
    }


def _change(one: Transition) -> dict[str, Any]:
    change: dict[str, Any] = {"id": one.id, "to": one.to, "ttl_ms": one.ttl_ms}
    if one.owner is not None:
        change["owner"] = one.owner
    if one.forced:
        change["forced"] = one.forced
    return change


def _made(take: Take, now_ms: int) -> Reservation:
    claim = take.claim
    expires = now_ms + claim.ttl_ms
    return Reservation(claim.id, "ACTIVE", claim.fingerprint, take.nonce, claim.owner, take.taken, expires, now_ms)


def _reservation(raw: dict[str, Any]) -> Reservation:
    taken = tuple((line["key"], line["quantity"]) for line in raw["lines"])
    return Reservation(
        raw["id"],
        raw["state"],
        raw["fingerprint"],
        raw["nonce"],
        raw["owner"],
        taken,
        raw["expires"],
        raw["created"],
    )


async def _json(cursor: Any) -> dict[str, Any]:
    row = await cursor.fetchone()
    answer: dict[str, Any] = orjson.loads(row[0])
    return answer
