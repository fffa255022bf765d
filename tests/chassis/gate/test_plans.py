"""No SQL function of the product has a plan that scans a whole table, or that PostgreSQL 14 to 17 would JIT-compile.

Those versions add 1e10 to the cost of a plan that needs a method forbidden by `enable_seqscan = off`, which exceeds
`jit_above_cost`: such a plan is compiled for 0.1 s each time that it is made.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, LiteralString, NamedTuple

import psycopg
import pytest

from chassis import redis
from chassis.db import Database, Tx
from chassis.events import outbox
from chassis.events.backlog import Backlog
from chassis.events.dead_letters import DeadLetters
from chassis.events.event import Event
from chassis.events.inbox import Inbox
from chassis.events.outbox import Log
from chassis.gate import journal
from chassis.gate.partition import Partition
from chassis.retention import Retention
from tests.chassis.gate.auditing import Audited
from tests.chassis.gate.conftest import TABLES, Rig, claim

JIT_ABOVE_COST = 100_000
"""PostgreSQL's default."""
WALKED: LiteralString = "SELECT relname, seq_scan FROM pg_stat_xact_user_tables WHERE seq_scan > 0"
"""Tables that this transaction has read from end to end."""
STOCK_LEVEL: Sequence[LiteralString] = (
    "INSERT INTO skus (sku, name, currency, price_minor) VALUES ('a', 'x', 'EUR', 1)",
    "INSERT INTO locations (location, name) VALUES ('berlin', 'x')",
    "INSERT INTO stock_levels (key, sku, location, on_hand) VALUES ('a@berlin', 'a', 'berlin', 50)",
    "INSERT INTO gate (partition, epoch, run_id) VALUES (0, 7, 'run')",
)
USAGE_LEVEL: Sequence[LiteralString] = (
    "INSERT INTO promotions (promotion_id, name, state, percent_bps, usage_limit, customer_limit, skus, categories, channels,"
    " priority, exclusive, version, revision) VALUES ('a', 'x', 'ACTIVE', 1, 50, 50, '{}', '{}', '{}', 0, false, 1, 1)",
    "INSERT INTO usage_levels (key, promotion_id, on_hand) VALUES ('a@berlin', 'a', 50)",
    "INSERT INTO gate (partition, epoch, run_id) VALUES (0, 7, 'run')",
)
LINES = [{"key": "a@berlin", "quantity": 1}]
TAKES = [
    {"id": id, "fingerprint": "f", "nonce": "n", "owner": "", "ttl_ms": 1, "lines": LINES} for id in ("r1", "r2", "r3")
]
MOVES = [{"id": "r1", "to": "COMMITTED"}, {"id": "r2", "to": "EXTENDED", "ttl_ms": 5}, {"id": "x", "to": "RELEASED"}]
CALLS: Sequence[tuple[LiteralString, Sequence[object]]] = (
    (journal.RESERVE, (0, 7, json.dumps(TAKES))),
    (journal.RESERVE, (0, 7, json.dumps(TAKES))),
    (journal.RESERVE, (0, 6, json.dumps(TAKES))),
    (journal.SETTLE, (0, json.dumps(MOVES), 0)),
    (journal.LOOK, (0, "r1 r2 r3 x y")),
    (outbox.NUMBER, (0, 0, 0, "on")),
    (outbox.NUMBER, (5, 10**9, 0, "on")),
    (outbox.NUMBER, (4, 0, 0, "off")),
    (outbox.READ, (0, 10**9, 500)),
)


class Plan(NamedTuple):
    """The estimated cost of a statement, and whether it was compiled."""

    query: str
    cost: float
    compiled: bool


class Planned:
    """A database whose connections collect the plan of every statement, those inside functions included."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.plans: list[Plan] = []

    def database(self) -> Database:
        """Returns a database that is not open yet."""
        one = Database(self.url)
        one._pool._configure = self._listen
        return one

    async def _listen(self, connection: Tx) -> None:
        connection.add_notice_handler(self._notice)

    def _notice(self, notice: psycopg.errors.Diagnostic) -> None:
        _, mark, text = (notice.message_primary or "").partition("plan:\n")
        if mark:
            found: dict[str, Any] = json.loads(text)
            self.plans.append(Plan(found["Query Text"], found["Plan"]["Total Cost"], "JIT" in found))


@pytest.fixture
def planned(new_database: Callable[[str], str]) -> Planned:
    """A fresh inventory database. Skipped if the server has no auto_explain, like the embedded one."""
    url = new_database("inventory")
    name = url.rpartition("/")[2]
    settings = ("log_min_duration = 0", "log_analyze = on", "log_nested_statements = on", "log_format = json")
    with psycopg.connect(url, autocommit=True) as connection:
        try:
            connection.execute("LOAD 'auto_explain'")
        except psycopg.errors.UndefinedFile:
            pytest.skip("this server has no auto_explain: `python -m tests.installed` runs this on one that has")
        connection.execute(f"ALTER DATABASE {name} SET session_preload_libraries = 'auto_explain'")
        connection.execute(f"ALTER DATABASE {name} SET client_min_messages = log")
        for setting in settings:
            connection.execute(f"ALTER DATABASE {name} SET auto_explain.{setting}")
    return Planned(url)


@pytest.fixture
async def planned_rig(planned: Planned, valkey_url: str) -> AsyncIterator[Rig]:
    """As the fixture `rig`, with its plans collected."""
    client, db = redis.connect(valkey_url), planned.database()
    await client.flushdb()
    await db.open()
    partition = Partition(db, client, f"test-{secrets.token_hex(4)}", 0, TABLES)
    partition.claims.start()
    await partition.epochs.watch()
    yield Rig(db, client, partition, planned.url)
    await partition.close()
    await client.aclose()
    await db.close()


async def _call_every_function(rig: Rig) -> None:
    """Takes, repeats, extends, commits, releases, expires and reads reservations; numbers and reads the log."""
    key, other = await rig.counter("a", 50), await rig.counter("b", 50)
    claims = rig.partition.claims
    for number in range(6):
        await claims.reserve(claim(f"r{number}", key))
        await claims.reserve(claim(f"r{number}", key))
        await claims.reserve(claim(f"s{number}", (key, other), 2, ttl_ms=1))
    await claims.settle("r1", "COMMITTED")
    await claims.settle("r2", "RELEASED")
    await claims.settle("r3", "EXTENDED", 90_000)
    await claims.settle("unknown", "RELEASED")
    await rig.partition.sweeper.expire_once()
    await rig.sweep_all()
    log = Log(rig.db)
    numbered = await log.number(0, 0, 0, durable=True)
    assert numbered.rows
    newest = numbered.rows[-1].position
    assert not (await log.number(newest, numbered.rows[-1].id, 0, durable=False)).rows  # nothing to do: an idle round
    assert (await log.number(newest - 1, 0, 0, durable=False)).newest == newest  # another relay was quicker
    assert len(await log.read(0, newest, 500)) == len(numbered.rows)


async def _run_every_other_statement(rig: Rig) -> None:
    """Audits, a rebuild, the log's bookkeeping, an inbox, and the retention jobs."""
    await rig.assert_in_step()
    await Audited(rig).looks()
    log, inbox = Log(rig.db), Inbox("plans")
    await log.state()
    await log.bounds()
    await log.note_sent(1)
    await log.send_again(0)
    await log.skip_to(1)
    event = Event("promo-1", "promo", "x", "k", 1, "2026-11-21T10:00:00Z", b"")
    async with rig.db.transaction() as tx:
        await outbox.put(tx, type="x", key="k", payload={})
        await inbox.enter(tx, [event])
        await inbox.blocked(tx, [event])
        await inbox.park(tx, event, "why")
        await inbox.due(tx, 10)
        await inbox.failed(tx, event, 1, "why")
        await inbox.succeeded(tx, event)
    await Backlog(rig.db).run_once()
    await DeadLetters(rig.db).find("", 0, 10)
    await DeadLetters(rig.db).replay("plans", [])
    await DeadLetters(rig.db).count()
    await Retention(rig.db).run_once()


async def test_no_statement_costs_so_much_that_it_is_compiled(planned: Planned, planned_rig: Rig) -> None:
    await _call_every_function(planned_rig)
    await _run_every_other_statement(planned_rig)
    assert any("number_events" in plan.query for plan in planned.plans)
    assert any("UPDATE event_log" in plan.query for plan in planned.plans)  # inside a function
    dear = {plan.query: plan for plan in planned.plans if plan.compiled or plan.cost > JIT_ABOVE_COST}
    assert not dear, list(dear.values())


@pytest.mark.parametrize(("service", "level"), [("inventory", STOCK_LEVEL), ("promo", USAGE_LEVEL)])
async def test_no_function_walks_a_table(
    new_database: Callable[[str], str], service: str, level: Sequence[LiteralString]
) -> None:
    db = Database(new_database(service), size=1)
    await db.open()
    async with db.transaction() as tx:
        for statement in level:
            await tx.execute(statement)
        for statement, values in CALLS:
            await (await tx.execute(statement, values)).fetchall()
        walked = await (await tx.execute(WALKED)).fetchall()
    await db.close()
    assert walked == []
