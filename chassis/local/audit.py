"""`python -m chassis.local.audit`: runs all audits of a running product and prints one table; REPAIR=1 repairs findings.

Calls the services of the `make run` in LOCAL_DIR, otherwise those of the environment, and reads unpublished events from
Postgres. Exits with 1 when something is wrong.
"""

from __future__ import annotations

import asyncio
import secrets
import sys
from collections.abc import Mapping, Sequence
from typing import Any, LiteralString, NamedTuple

import psycopg

from chassis import client, config, services
from chassis.config import ConfigError
from chassis.errors import ServiceError
from chassis.local import config as local_config
from chassis.local.run_file import CannotRead, running
from gen.common.v1 import event_service_pb2
from gen.common.v1.event_service_pb2_grpc import EventServiceStub
from gen.inventory.v1 import stock_service_pb2
from gen.inventory.v1.stock_service_pb2_grpc import StockServiceStub
from gen.order.v1 import audit_pb2, audit_service_pb2
from gen.order.v1.audit_service_pb2_grpc import AuditServiceStub
from gen.promo.v1 import promotion_service_pb2
from gen.promo.v1.promotion_service_pb2_grpc import PromotionServiceStub

SLICE = 500
DEAD_LETTERS = 100
"""Page size for dead letters; higher numbers are reported as this one."""
CALL_S = 60.0
"""Comparing all levels at once may take this long."""
TRIES = 10
PAUSE_S = 1.0
"""Pause between attempts: a number that differs because of a concurrent sale is right at the next one."""
LATE_S = 60
"""Events that are unpublished for longer than this are late."""
SHOWN = 1_000
"""Most findings that are printed; the count includes all."""
WAITING: LiteralString = """
SELECT count(*) FROM (SELECT FROM outbox
 WHERE published_at IS NULL AND created_at < now() - make_interval(secs => %s) LIMIT 100000) AS late"""


class Line(NamedTuple):
    """One row of the table; `wrong` must be zero."""

    audit: str
    seen: str
    wrong: int
    notes: Sequence[str] = ()


async def stock(address: str) -> Line:
    """Checks that gate = journal = movements = lots in inventory."""
    stub = StockServiceStub(client.connect(address))
    for _ in range(TRIES):
        found = await client.call(stub.AuditStock, stock_service_pb2.AuditStockRequest(), CALL_S)
        wrong = found.gate_mismatches + found.movement_mismatches + found.reservation_mismatches + found.lot_mismatches
        if not wrong:
            break
        await asyncio.sleep(PAUSE_S)
    return Line("stock: gate = journal = movements = lots", f"{found.levels} levels", wrong, found.examples)


async def uses(address: str) -> Line:
    """Checks that gate = journal = movements in promo."""
    stub = PromotionServiceStub(client.connect(address))
    for _ in range(TRIES):
        found = await client.call(stub.AuditUsage, promotion_service_pb2.AuditUsageRequest(), CALL_S)
        wrong = found.gate_mismatches + found.movement_mismatches + found.redemption_mismatches
        if not wrong:
            break
        await asyncio.sleep(PAUSE_S)
    return Line("promotion uses: gate = journal = movements", f"{found.levels} counters", wrong, found.examples)


async def orders(address: str, repair: bool) -> Line:
    """Checks that order = reservation = payment = redemption; with `repair`, repairs each finding."""
    stub = AuditServiceStub(client.connect(address))
    seen = [0, 0, 0]
    notes: list[str] = []
    wrong, token = 0, ""
    while True:
        request = audit_service_pb2.RunAuditRequest(page_size=SLICE, page_token=token)
        answer = await client.call(stub.RunAudit, request, CALL_S)
        counts = (answer.orders, answer.reservations, answer.moving)
        seen = [before + more for before, more in zip(seen, counts, strict=True)]
        for finding in answer.findings:
            after = await repaired(stub, finding) if repair else finding
            wrong += after.state == audit_pb2.AuditFinding.STATE_OPEN
            notes.append(_words(after))
        token = answer.next_page_token
        if not token:
            break
    what = f"{seen[0]} orders, {seen[1]} sales, {seen[2]} moving"
    return Line("orders: order = reservation = payment = redemption", what, wrong, notes)


async def repaired(stub: Any, finding: audit_pb2.AuditFinding) -> audit_pb2.AuditFinding:
    """The finding after its repair; as it was when the repair fails."""
    request = audit_service_pb2.RepairAuditFindingRequest(
        request_id=f"audit-{secrets.token_hex(8)}", finding_id=finding.finding_id
    )
    try:
        after: audit_pb2.AuditFinding = (await client.call(stub.RepairAuditFinding, request, CALL_S)).finding
    except ServiceError as error:
        finding.repair_outcome = f"{error.reason}: {error.message}"
        return finding
    return after


async def dead_letters(addresses: Mapping[str, str]) -> Line:
    """Counts events that consumers gave up on."""
    wrong, notes = 0, []
    for service, address in addresses.items():
        stub = EventServiceStub(client.connect(address))
        request = event_service_pb2.ListDeadLettersRequest(page_size=DEAD_LETTERS)
        found = (await client.call(stub.ListDeadLetters, request, CALL_S)).dead_letters
        wrong += len(found)
        notes += [f"{service}: {one.event.type} {one.event.id} for {one.consumer}: {one.error}" for one in found]
    return Line("events: dead letters", f"{len(addresses)} services", wrong, notes)


async def waiting(databases: Mapping[str, str]) -> Line:
    """Counts events that have waited for the broker for more than a minute."""
    wrong, notes = 0, []
    for name, url in databases.items():
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
            row = await (await connection.execute(WAITING, (LATE_S,))).fetchone()
        count = 0 if row is None else int(row[0])
        wrong += count
        notes += [f"{name}: {count} events wait for the broker"] if count else []
    return Line("events: published", f"{len(databases)} outboxes", wrong, notes)


def where() -> tuple[dict[str, str], dict[str, str]]:
    """Addresses of the services and URLs of their databases, from a `make run`, otherwise from the environment."""
    try:
        run = running(local_config.local_folder())
    except CannotRead:
        settings = local_config.load()
        at = {service: settings.addresses[service].reachable for service in services.NAMES}
        return at, {name: config.database_url(name) for name in services.DATABASES.values()}
    return {service: run[service] for service in services.NAMES}, dict(run["databases"])


async def audit(repair: bool) -> list[Line]:
    """Runs all audits; returns the rows of the table."""
    at, databases = where()
    return [
        await orders(at["order"], repair),  # first: its repairs move stock and uses
        await stock(at["inventory"]),
        await uses(at["promo"]),
        await waiting(databases),
        await dead_letters(at),
    ]


def show(lines: Sequence[Line]) -> int:
    """Prints the table; returns how many lines are wrong."""
    for line in lines:
        print(f"{'ok' if not line.wrong else 'WRONG':<6} {line.audit:<52} {line.seen:<40} {line.wrong:>6} wrong")
        for note in line.notes[:SHOWN]:
            print(f"         {note}")
        if len(line.notes) > SHOWN:
            print(f"         and {len(line.notes) - SHOWN} more")
    return sum(line.wrong > 0 for line in lines)


def _words(finding: audit_pb2.AuditFinding) -> str:
    state = audit_pb2.AuditFinding.State.Name(finding.state).removeprefix("STATE_")
    outcome = f" [{finding.repair_outcome}]" if finding.repair_outcome else ""
    return f"{state:<8} {finding.finding_id}: {finding.detail}{outcome}"


def main() -> None:
    """Exits with 1 when something is wrong or a server does not answer."""
    try:
        wrong = show(asyncio.run(audit(config.text("REPAIR", "") == "1")))
    except (ServiceError, ConfigError, psycopg.Error) as error:
        print(f"the audit failed: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    raise SystemExit(1 if wrong else 0)


if __name__ == "__main__":
    main()
