"""SQL of deliveries off the hot path: the log, resends, replays and deletion."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, LiteralString

from chassis.db import Tx
from webhook_svc.domain.delivery import Attempt, Cause, Delivery, State

COLUMNS: LiteralString = """
delivery_id, endpoint_id, event_id, type, key, state, cause, attempts, last_status, last_error, last_attempt_time, due_at,
create_time"""
OF_STATE: dict[State | None, LiteralString] = {
    None: "",
    State.PENDING: "AND state = 'PENDING'",
    State.SUCCEEDED: "AND state = 'SUCCEEDED'",
    State.FAILED: "AND state = 'FAILED'",  # a literal, to match the partial index
}
READ: LiteralString = f"SELECT {COLUMNS} FROM deliveries WHERE endpoint_id = %s AND delivery_id = %s"
ATTEMPTS: LiteralString = """
SELECT start_time, duration_ms, status, error, answer FROM delivery_attempts
 WHERE delivery_id = %s ORDER BY attempt_id DESC LIMIT %s"""
RESEND: LiteralString = """
UPDATE deliveries SET state = 'PENDING', due_at = %(now)s, tries = 0
 WHERE endpoint_id = %(endpoint)s AND delivery_id = %(delivery)s AND (lease IS NULL OR due_at <= %(now)s)
   AND EXISTS (SELECT FROM messages m WHERE m.event_id = deliveries.event_id)"""
BEGIN_ANEW: LiteralString = """
UPDATE deliveries SET due_at = %(now)s, tries = 0 WHERE delivery_id IN (
  SELECT delivery_id FROM deliveries
   WHERE endpoint_id = %(endpoint)s AND state = 'PENDING' AND lease IS NULL ORDER BY due_at LIMIT %(most)s)"""
SPAN: LiteralString = """
SELECT event_id, type, key, event_time FROM messages
 WHERE event_time < %(to)s AND type <> %(ping)s AND (event_time, event_id) > (%(from)s, %(after)s)
 ORDER BY event_time, event_id LIMIT %(most)s"""
AGAIN: LiteralString = """
INSERT INTO deliveries (endpoint_id, event_id, type, key, cause, ordered, state, due_at, create_time)
SELECT %(endpoint)s, e.event_id, e.type, e.key, %(cause)s, %(ordered)s, 'PENDING', %(now)s, %(now)s
  FROM unnest(%(events)s::text[], %(types)s::text[], %(keys)s::text[]) WITH ORDINALITY AS e (event_id, type, key, place)
 ORDER BY e.place"""
MADE: LiteralString = f"SELECT {COLUMNS} FROM deliveries WHERE endpoint_id = %s AND event_id = %s"
OLD_DELIVERIES: LiteralString = """
DELETE FROM deliveries WHERE delivery_id IN (
  SELECT delivery_id FROM (SELECT delivery_id, create_time FROM deliveries ORDER BY delivery_id LIMIT %(most)s) AS oldest
   WHERE create_time < %(before)s)"""
OLD_ATTEMPTS: LiteralString = """
DELETE FROM delivery_attempts WHERE attempt_id IN (
  SELECT attempt_id FROM (SELECT attempt_id, start_time FROM delivery_attempts ORDER BY attempt_id LIMIT %(most)s) AS oldest
   WHERE start_time < %(before)s)"""
OLD_MESSAGES: LiteralString = """
DELETE FROM messages WHERE event_id IN (
  SELECT event_id FROM messages WHERE event_time < %(before)s ORDER BY event_time LIMIT %(most)s)"""
OF_DELETED: LiteralString = """
DELETE FROM deliveries WHERE delivery_id IN (
  SELECT d.delivery_id FROM endpoints e JOIN deliveries d USING (endpoint_id) WHERE e.deleted LIMIT %(most)s)"""
DELETED: LiteralString = """
DELETE FROM endpoints e WHERE e.deleted AND e.update_time < %(before)s
   AND NOT EXISTS (SELECT FROM deliveries d WHERE d.endpoint_id = e.endpoint_id)"""
DUE: LiteralString = """
SELECT count(*) FROM (
  SELECT FROM endpoints e JOIN deliveries d USING (endpoint_id)
   WHERE e.enabled AND NOT e.deleted AND d.state = 'PENDING' AND d.due_at <= %(now)s LIMIT %(most)s) AS due"""
DISABLED: LiteralString = "SELECT count(*) FROM endpoints WHERE NOT enabled AND NOT deleted"


async def page(tx: Tx, endpoint_id: str, state: State | None, before: int, most: int) -> list[Delivery]:
    """An endpoint's deliveries before `before`, newest first."""
    statement: LiteralString = f"""
SELECT {COLUMNS} FROM deliveries
 WHERE endpoint_id = %(endpoint)s AND delivery_id < %(before)s {OF_STATE[state]}
 ORDER BY delivery_id DESC LIMIT %(most)s"""
    values = {"endpoint": endpoint_id, "before": before, "most": most}
    return [_delivery(row) for row in await (await tx.execute(statement, values)).fetchall()]


async def read(tx: Tx, endpoint_id: str, delivery_id: int) -> Delivery | None:
    """One delivery of the endpoint."""
    row = await (await tx.execute(READ, (endpoint_id, delivery_id))).fetchone()
    return None if row is None else _delivery(row)


async def of_event(tx: Tx, endpoint_id: str, event_id: str) -> list[Delivery]:
    """The deliveries of one event to one endpoint; for messages that were just made."""
    return [_delivery(row) for row in await (await tx.execute(MADE, (endpoint_id, event_id))).fetchall()]


async def attempts(tx: Tx, delivery_id: int, most: int) -> list[Attempt]:
    """A delivery's attempts, newest first."""
    return [Attempt(*row) for row in await (await tx.execute(ATTEMPTS, (delivery_id, most))).fetchall()]


async def resend(tx: Tx, endpoint_id: str, delivery_id: int, now: datetime) -> bool:
    """Makes it due now, from the first try; False if it is being sent or its message was deleted."""
    values = {"endpoint": endpoint_id, "delivery": delivery_id, "now": now}
    return (await tx.execute(RESEND, values)).rowcount > 0


async def begin_anew(tx: Tx, endpoint_id: str, now: datetime, most: int) -> None:
    """Makes up to `most` waiting deliveries due now, from the first try; the rest keep their due time."""
    await tx.execute(BEGIN_ANEW, {"endpoint": endpoint_id, "now": now, "most": most})


async def span(
    tx: Tx, since: datetime, after: str, until: datetime, ping: str, most: int
) -> list[tuple[str, str, str, datetime]]:
    """Kept events by time and id: id, type, key, time; from (`since`, `after`), exclusive, to `until`, exclusive."""
    values = {"from": since, "after": after, "to": until, "ping": ping, "most": most}
    rows: list[tuple[Any, ...]] = await (await tx.execute(SPAN, values)).fetchall()
    return [(event_id, type_, key, time) for event_id, type_, key, time in rows]


async def make_again(
    tx: Tx, endpoint_id: str, ordered: bool, events: Sequence[tuple[str, str, str]], now: datetime
) -> None:
    """Makes new deliveries of kept events (id, type, key), due now."""
    values = {
        "endpoint": endpoint_id,
        "ordered": ordered,
        "cause": Cause.REPLAY.value,
        "events": [event_id for event_id, _, _ in events],
        "types": [type_ for _, type_, _ in events],
        "keys": [key for _, _, key in events],
        "now": now,
    }
    await tx.execute(AGAIN, values)


async def forget(tx: Tx, before: datetime, most: int) -> int:
    """Deletes older rows and those of deleted endpoints, up to `most` per statement; returns how many."""
    values = {"before": before, "most": most}
    gone = 0
    for statement in (OLD_ATTEMPTS, OLD_DELIVERIES, OLD_MESSAGES, OF_DELETED):
        gone += (await tx.execute(statement, values)).rowcount
    return gone


async def forget_endpoints(tx: Tx, before: datetime) -> int:
    """Removes endpoints deleted before this time whose log is gone; by then every process knows of the deletion."""
    return (await tx.execute(DELETED, {"before": before})).rowcount


async def measure(tx: Tx, now: datetime, most: int) -> tuple[int, int]:
    """How many deliveries are due and not begun, counted up to `most`, and how many endpoints are disabled."""
    due = await (await tx.execute(DUE, {"now": now, "most": most})).fetchone()
    disabled = await (await tx.execute(DISABLED)).fetchone()
    return (0 if due is None else due[0]), (0 if disabled is None else disabled[0])


def _delivery(row: tuple[Any, ...]) -> Delivery:
    delivery_id, endpoint_id, event_id, type_, key, state, cause, *rest = row
    return Delivery(delivery_id, endpoint_id, event_id, type_, key, State(state), Cause(cause), *rest)
