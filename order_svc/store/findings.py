"""The audit's findings in Postgres: contradictions that two looks have seen; each change has its event."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, TypeAlias

from chassis.db import Database, Tx
from chassis.events import outbox
from order_svc.domain.audit import Finding, FindingState, Kind

Seen: TypeAlias = Mapping[str, Mapping[Kind, str]]
"""The contradictions that a look saw, by order."""

AGAIN_S = 10.0
"""Pause between the two looks of the always-on walk."""
OPEN_AGAIN_S = 60.0
"""Interval between looks at an open finding, which may be gone."""
MOST_LIVE = 10_000
"""Most suspects and open findings that are kept; a later walk finds the others when these have been repaired."""
KEPT_DAYS = 30
"""Days for which an ended finding can be read."""
FORGET_BATCH = 500

COLUMNS = "order_id, kind, state, detail, first_seen_at, reported_at, ended_at, repair_outcome"
LOCK = f"SELECT {COLUMNS} FROM audit_findings WHERE order_id = ANY (%s) ORDER BY order_id, kind FOR UPDATE"
SUSPECT = f"""
INSERT INTO audit_findings (order_id, kind, state, detail)
SELECT f.order_id, f.kind, 'SUSPECT', f.detail FROM unnest(%s::text[], %s::text[], %s::text[]) AS f(order_id, kind, detail)
 WHERE (SELECT count(*) FROM (SELECT FROM audit_findings WHERE state IN ('SUSPECT', 'OPEN') LIMIT {MOST_LIVE}) AS live)
       < {MOST_LIVE}
 ORDER BY f.order_id, f.kind
ON CONFLICT (order_id, kind) DO UPDATE SET state = 'SUSPECT', detail = excluded.detail, first_seen_at = now(),
  looked_at = now(), reported_at = NULL, ended_at = NULL, repair_outcome = ''
  WHERE audit_findings.state IN ('REPAIRED', 'GONE')"""
REPORT = f"""
UPDATE audit_findings SET state = 'OPEN', detail = %s, looked_at = now(), reported_at = now()
 WHERE order_id = %s AND kind = %s AND first_seen_at <= now() - make_interval(secs => %s) RETURNING {COLUMNS}"""
STILL = "UPDATE audit_findings SET detail = %s, looked_at = now() WHERE order_id = %s AND kind = %s"
DROP = "DELETE FROM audit_findings WHERE order_id = %s AND kind = %s"
END = f"""
UPDATE audit_findings SET state = %s, ended_at = now(), looked_at = now() WHERE order_id = %s AND kind = %s
RETURNING {COLUMNS}"""
OUTCOME = "UPDATE audit_findings SET repair_outcome = %s WHERE order_id = %s AND kind = %s"
DUE = """
SELECT DISTINCT order_id FROM (
  SELECT order_id FROM audit_findings
   WHERE (state = 'SUSPECT' AND looked_at <= now() - make_interval(secs => %s))
      OR (state = 'OPEN' AND looked_at <= now() - make_interval(secs => %s))
   ORDER BY looked_at LIMIT %s) AS due"""
PAGE = f"""
SELECT {COLUMNS} FROM audit_findings WHERE state = %s AND (order_id, kind) > (%s, %s) ORDER BY order_id, kind LIMIT %s"""
OPEN_OF = f"SELECT {COLUMNS} FROM audit_findings WHERE state = 'OPEN' AND order_id = ANY (%s) ORDER BY order_id, kind"
GET = f"SELECT {COLUMNS} FROM audit_findings WHERE order_id = %s AND kind = %s"
COUNTS = "SELECT state, kind, count(*) FROM audit_findings WHERE state IN ('SUSPECT', 'OPEN') GROUP BY state, kind"
FORGET = """
DELETE FROM audit_findings WHERE (order_id, kind) IN (
  SELECT order_id, kind FROM audit_findings WHERE ended_at < now() - make_interval(days => %s) ORDER BY ended_at LIMIT %s)"""


class Findings:
    """Every method is one transaction; a repeat of `record` with the same look changes only times."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def record(
        self, looked_at: Collection[str], seen: Seen, again_s: float, repaired: Kind | None = None
    ) -> None:
        """Records a look at these orders. A contradiction that it saw becomes suspect, or open if the first look was `again_s`
        ago. One that it did not see any more is dropped if suspect, else GONE, or REPAIRED if of kind `repaired`."""

        async def work(tx: Tx) -> None:
            rows = await (await tx.execute(LOCK, (sorted(looked_at),))).fetchall()
            known = {(row[0], Kind(row[1])): FindingState(row[2]) for row in rows}
            new: list[tuple[str, Kind, str]] = []
            for order_id, kinds in seen.items():
                for kind, detail in kinds.items():
                    state = known.pop((order_id, kind), None)
                    if state is FindingState.OPEN:
                        await tx.execute(STILL, (detail, order_id, kind))
                    elif state is FindingState.SUSPECT:
                        await self._told(tx, "reported", REPORT, (detail, order_id, kind, again_s))
                    else:
                        new.append((order_id, kind, detail))
            if new:
                await tx.execute(SUSPECT, tuple(map(list, zip(*new, strict=True))))
            for (order_id, kind), state in known.items():
                if state is FindingState.SUSPECT:
                    await tx.execute(DROP, (order_id, kind))
                elif state is FindingState.OPEN:
                    end = FindingState.REPAIRED if kind is repaired else FindingState.GONE
                    await self._told(tx, end.lower(), END, (end, order_id, kind))

        await self._db.run(work)

    async def _told(self, tx: Tx, what: str, statement: str, values: Sequence[object]) -> None:
        row = await (await tx.execute(statement, values)).fetchone()
        if row is not None:
            payload = {"finding": _payload(_finding(row))}
            await outbox.put(tx, type=f"order.audit.finding_{what}", key=row[0], payload=payload)

    async def note_repair(self, order_id: str, kind: Kind, outcome: str) -> None:
        """Stores the outcome of a repair, a text for people."""
        async with self._db.connection() as connection:
            await connection.execute(OUTCOME, (outcome, order_id, kind))

    async def due(self, most: int) -> list[str]:
        """Orders whose findings are due for another look."""
        return [str(row[0]) for row in await self._rows(DUE, AGAIN_S, OPEN_AGAIN_S, most)]

    async def page(self, state: FindingState, after: tuple[str, str], limit: int) -> list[Finding]:
        """Findings in a state, by order and kind."""
        return [_finding(row) for row in await self._rows(PAGE, state, *after, limit)]

    async def open_of(self, order_ids: Collection[str]) -> list[Finding]:
        """Open findings of these orders."""
        return [_finding(row) for row in await self._rows(OPEN_OF, sorted(order_ids))]

    async def find(self, order_id: str, kind: Kind) -> Finding | None:
        """One finding, also one that has ended; None for a suspect."""
        found = [_finding(row) for row in await self._rows(GET, order_id, kind)]
        return found[0] if found and found[0].state is not FindingState.SUSPECT else None

    async def counts(self) -> tuple[dict[Kind, int], int]:
        """Open findings by kind, and the number of suspects."""
        rows = await self._rows(COUNTS)
        open_ = {Kind(kind): int(count) for state, kind, count in rows if state == FindingState.OPEN}
        return open_, sum(int(count) for state, _, count in rows if state == FindingState.SUSPECT)

    async def forget(self) -> int:
        """Deletes some that ended long ago; returns how many."""
        async with self._db.connection() as connection:
            return (await connection.execute(FORGET, (KEPT_DAYS, FORGET_BATCH))).rowcount

    async def _rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        async with self._db.connection() as connection:
            return await (await connection.execute(statement, values)).fetchall()


def _finding(row: tuple[Any, ...]) -> Finding:
    return Finding(row[0], Kind(row[1]), FindingState(row[2]), *row[3:])


def _payload(finding: Finding) -> dict[str, Any]:
    """order.v1.AuditFinding in protobuf's JSON mapping."""
    payload: dict[str, Any] = {
        "finding_id": finding.finding_id,
        "order_id": finding.order_id,
        "kind": f"KIND_{finding.kind}",
        "state": f"STATE_{finding.state}",
        "detail": finding.detail,
        "repair_outcome": finding.repair_outcome,
    }
    times = {
        "first_seen_time": finding.first_seen_at,
        "report_time": finding.reported_at,
        "end_time": finding.ended_at,
    }
    return payload | {name: at.isoformat() for name, at in times.items() if at is not None}
