"""The simulated journal answers like the real functions on a real Postgres, for any batches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

import psycopg
import pytest

from chassis.db import Database
from chassis.gate import journal as journals
from chassis.gate.journal import Journal, Settled, Transition
from chassis.gate.model import Claim, Reservation, Stale, Take, WantedLine
from chassis.gate.rebuilds import Rebuilds
from tests.sim.journal_server import JournalServer

LEVELS = {"a@x": 9, "b@x": 4, "c@x": 0}
BATCHES = 60
LAPSED_MS = -10_000
LONG_MS = 900_000


class Both:
    """The same batch on the real journal and on the simulated one. Times are compared by state, not by value."""

    def __init__(self, db: Database, random: Random) -> None:
        self.db = db
        self.random = random
        self.real = Journal(db, 0, "reservations")
        self.rebuilds = Rebuilds(db, 0, "stock_levels", "reservations")
        self.model = JournalServer(lambda: 1_000_000_000)

    async def open_levels(self) -> None:
        """Creates the counters as the model does."""
        async with self.db.transaction() as tx:
            await tx.execute("INSERT INTO locations (location, name) VALUES ('x', 'x')")
            for key in LEVELS:
                sku = key.split("@")[0]
                await tx.execute(
                    "INSERT INTO skus (sku, name, currency, price_minor) VALUES (%s, 'x', 'EUR', 1)", (sku,)
                )
                await tx.execute("INSERT INTO stock_levels (key, sku, location) VALUES (%s, %s, 'x')", (key, sku))
        for key, units in LEVELS.items():
            await self.change(f"opening-{key}", key, units)

    async def change(self, reference: str, key: str, on_hand: int) -> None:
        """A level changes by hand."""
        on_hand = max(on_hand, -self.model.levels[key].on_hand) if key in self.model.levels else on_hand
        [expected] = self.model.change(reference, key, on_hand)
        async with self.db.transaction() as tx:
            epoch = await journals.enter(tx, 0)
            await tx.execute("UPDATE stock_levels SET on_hand = on_hand + %s WHERE key = %s", (on_hand, key))
            await tx.execute(
                "INSERT INTO stock_movements (kind, reference, key, on_hand_delta) VALUES ('ADJUST', %s, %s, %s)",
                (reference, key, on_hand),
            )
            noted = await self.real.note(tx, epoch, {key: on_hand})
        assert [(row.epoch, row.key, row.delta) for row in noted] == (
            [(expected.epoch, expected.key, expected.delta)] if on_hand else []
        )

    async def begin(self) -> None:
        """A new epoch, whose snapshot must agree."""
        now_ms = self.random.randint(0, 50)
        epoch = self.model.begin("run", now_ms)
        async with self.rebuilds.begin("run", now_ms) as snapshot:
            assert snapshot.epoch == epoch
            counters = [row async for rows in snapshot.counters() for row in rows]
            live = [row async for rows in snapshot.entries() for row in rows]
        assert sorted(counters) == sorted(self.model.counters())
        assert sorted(one[:4] for one in live) == sorted(one[:4] for one in self.model.live())
        assert await self.rebuilds.serving() == self.model.serving()

    async def reserve(self) -> None:
        """A batch of takes, some from another epoch, some repeated, some too large."""
        random = self.random
        epoch = self.model.epoch + random.choice((0, 0, 0, 0, 1, -1))
        takes = [_take(f"r{id}", epoch, random) for id in random.sample(range(25), random.randint(1, 4))]
        real, model = await _outcome(self.real.reserve, takes), await _outcome(self._model_reserve, takes)
        assert real == model

    async def settle(self) -> None:
        """A batch of transitions of known and unknown ids."""
        random = self.random
        kinds: tuple[Any, ...] = ("COMMITTED", "RELEASED", "EXPIRED", "ABORTED", "EXTENDED")
        ids = random.sample(range(30), random.randint(1, 5))
        owners = (None, "owner", "owner", "", "another")
        batch = [
            Transition(f"r{id}", random.choice(kinds), random.choice((1, LONG_MS)), random.choice(owners)) for id in ids
        ]
        real, model = await self.real.settle(batch), self.model.settle(batch)
        assert _settled(real) == _settled(model)

    async def look(self) -> None:
        """Compares the current levels, movements, events, expired ids, rows under an epoch."""
        rows = await self._rows("SELECT key, on_hand, reserved, committed FROM stock_levels")
        levels = self.model.levels.items()
        assert sorted(rows) == sorted((key, one.on_hand, one.reserved, one.committed) for key, one in levels)
        moved = await self._rows(
            "SELECT kind, reference, key, on_hand_delta, reserved_delta, committed_delta FROM stock_movements"
        )
        assert sorted(moved) == sorted(self._movements())
        events = await self._rows("SELECT type, key FROM outbox WHERE type LIKE '%reservation%'")
        told = Counter((str(type).rsplit(".", 1)[-1], key) for type, key in events)
        assert told == Counter(self.model.outbox)
        assert set(await self.real.expired(100)) == set(self.model.expired(100))
        ids = [f"r{id}" for id in range(30)]
        assert await self.real.look(self.model.epoch, ids) == self.model.look(self.model.epoch, ids)
        with pytest.raises(Stale):
            await self.real.look(self.model.epoch + 1, ids)

    async def _model_reserve(self, takes: list[Take]) -> dict[str, Reservation]:
        return self.model.reserve(takes)

    def _movements(self) -> list[tuple[Any, ...]]:
        deltas: dict[tuple[str, str, str], Counter[str]] = {}
        for kind, reference, key, number, delta in self.model.movements:
            reference = f"opening-{key}" if reference == "opening" else reference
            deltas.setdefault((kind, reference, key), Counter())[number] += delta
        return [(*what, one["on_hand"], one["reserved"], one["committed"]) for what, one in deltas.items()]

    async def _rows(self, statement: Any) -> list[tuple[Any, ...]]:
        async with self.db.connection() as connection:
            return await (await connection.execute(statement)).fetchall()


@pytest.mark.parametrize("seed", range(4))
async def test_the_simulated_journal_answers_as_the_real_functions_do(
    seed: int, new_database: Callable[[str], str]
) -> None:
    db = Database(new_database("inventory"))
    await db.open()
    both = Both(db, Random(seed))
    await both.begin()
    await both.open_levels()
    for number in range(BATCHES):
        roll = both.random.random()
        if roll < 0.5:
            await both.reserve()
        elif roll < 0.85:
            await both.settle()
        elif roll < 0.95:
            await both.change(f"change-{number}", both.random.choice(list(LEVELS)), both.random.randint(-5, 8))
        else:
            await both.begin()
        await both.look()
    await db.close()


def _take(id: str, epoch: int, random: Random) -> Take:
    keys = random.sample([*LEVELS, "unknown@x"] if random.random() < 0.1 else list(LEVELS), random.randint(1, 2))
    taken = tuple((key, random.randint(1, 3)) for key in keys)
    lines = tuple(WantedLine((key,), quantity) for key, quantity in taken)
    claim = Claim(
        id, random.choice("fg"), lines, random.choice((LAPSED_MS, LONG_MS, LONG_MS)), random.choice(("owner", ""))
    )
    return Take(claim, f"{random.random()}", taken, epoch)


async def _outcome(call: Callable[[list[Take]], Any], takes: list[Take]) -> Any:
    try:
        return _plain(await call(takes))
    except Stale as stale:
        return "Stale", stale.epoch
    except psycopg.Error as refused:
        return "refused", refused.sqlstate


def _settled(settled: Settled) -> Any:
    return settled.epoch, _plain(settled.reservations), settled.changed


def _plain(rows: Mapping[str, Reservation]) -> dict[str, tuple[Any, ...]]:
    return {id: (row.state, row.fingerprint, row.nonce, row.owner, sorted(row.taken)) for id, row in rows.items()}
