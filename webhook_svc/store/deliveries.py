"""SQL of messages, deliveries and attempts on the hot path: make, claim and record, each in one statement."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, LiteralString

from chassis.db import Tx
from webhook_svc.domain.delivery import Cause, Message, Planned, State, Tried, Work
from webhook_svc.domain.schedule import Verdict

MAKE: LiteralString = """
WITH kept AS (
  INSERT INTO messages (event_id, type, key, event_time, body)
  SELECT * FROM unnest(%(ids)s::text[], %(types)s::text[], %(keys)s::text[], %(times)s::timestamptz[], %(bodies)s::bytea[])
  ON CONFLICT DO NOTHING
  RETURNING event_id, type, key
)
INSERT INTO deliveries (endpoint_id, event_id, type, key, cause, ordered, state, due_at, lease, create_time)
SELECT w.endpoint_id, k.event_id, k.type, k.key, %(cause)s, w.ordered, 'PENDING',
       CASE WHEN w.lease = '' THEN %(now)s ELSE %(lease_ends)s END, nullif(w.lease, ''), %(now)s
  FROM unnest(%(endpoints)s::text[], %(events)s::text[], %(ordered)s::boolean[], %(leases)s::text[])
         WITH ORDINALITY AS w (endpoint_id, event_id, ordered, lease, place)
  JOIN kept k USING (event_id)
  JOIN endpoints e ON e.endpoint_id = w.endpoint_id AND e.enabled AND NOT e.deleted
 ORDER BY w.place
RETURNING delivery_id, endpoint_id, event_id, lease"""
CLAIM: LiteralString = """
WITH due AS (
  SELECT d.delivery_id
    FROM unnest(%(endpoints)s::text[], %(rooms)s::int[]) AS w (endpoint_id, room)
   CROSS JOIN LATERAL (
     SELECT d.delivery_id FROM deliveries d
      WHERE d.endpoint_id = w.endpoint_id AND d.state = 'PENDING' AND d.due_at <= %(now)s
        AND (NOT d.ordered OR NOT EXISTS (
              SELECT FROM deliveries b
               WHERE b.endpoint_id = d.endpoint_id AND b.key = d.key AND b.state = 'PENDING' AND b.ordered
                 AND b.delivery_id < d.delivery_id))
      ORDER BY d.due_at LIMIT w.room FOR UPDATE SKIP LOCKED) AS d
   LIMIT %(most)s
)
UPDATE deliveries d SET lease = %(lease)s, due_at = %(lease_ends)s
  FROM due JOIN deliveries x USING (delivery_id) LEFT JOIN messages m ON m.event_id = x.event_id
 WHERE d.delivery_id = due.delivery_id
RETURNING d.delivery_id, d.endpoint_id, d.event_id, d.type, d.ordered, coalesce(m.event_time, d.create_time),
          coalesce(m.body, ''), d.tries"""
RECORD: LiteralString = """
WITH told AS (
  SELECT * FROM unnest(%(ids)s::bigint[], %(leases)s::text[], %(states)s::text[], %(dues)s::timestamptz[], %(tries)s::int[],
                       %(tried)s::boolean[], %(starts)s::timestamptz[], %(durations)s::int[], %(statuses)s::int[],
                       %(errors)s::text[], %(answers)s::text[])
         AS t (delivery_id, lease, state, due_at, tries, tried, start_time, duration_ms, status, error, answer)
), noted AS (
  INSERT INTO delivery_attempts (delivery_id, start_time, duration_ms, status, error, answer)
  SELECT delivery_id, start_time, duration_ms, status, error, answer FROM told WHERE tried
)
UPDATE deliveries d SET
    state = t.state, due_at = t.due_at, lease = NULL, tries = t.tries, attempts = d.attempts + t.tried::int,
    last_status = CASE WHEN t.tried THEN t.status ELSE d.last_status END,
    last_error = CASE WHEN t.tried THEN t.error ELSE d.last_error END,
    last_attempt_time = CASE WHEN t.tried THEN t.start_time ELSE d.last_attempt_time END
  FROM told t
 WHERE d.delivery_id = t.delivery_id AND d.lease = t.lease AND d.state = 'PENDING'"""

STATES = {
    Verdict.SUCCEEDED: State.SUCCEEDED.value,
    Verdict.RETRY: State.PENDING.value,
    Verdict.GIVEN_UP: State.FAILED.value,
}


async def make(
    tx: Tx, messages: Sequence[Message], planned: Sequence[Planned], cause: Cause, now: datetime, lease_ends: datetime
) -> list[tuple[int, str, str]]:
    """Stores new messages and makes their deliveries to endpoints that are enabled and not deleted.

    Returns the deliveries that were made under a lease: delivery, endpoint, event. A known message makes none.
    """
    values = {
        "ids": [message.event_id for message in messages],
        "types": [message.type for message in messages],
        "keys": [message.key for message in messages],
        "times": [message.event_time for message in messages],
        "bodies": [message.body for message in messages],
        "endpoints": [plan.endpoint_id for plan in planned],
        "events": [plan.event_id for plan in planned],
        "ordered": [plan.ordered for plan in planned],
        "leases": [plan.lease for plan in planned],
        "cause": cause.value,
        "now": now,
        "lease_ends": lease_ends,
    }
    rows = await (await tx.execute(MAKE, values)).fetchall()
    return [row[:3] for row in rows if row[3] is not None]


async def claim(
    tx: Tx, rooms: Sequence[tuple[str, int]], most: int, lease: str, now: datetime, lease_ends: datetime
) -> list[Work]:
    """Claims due deliveries, up to each endpoint's room and `most` in all; of ordered ones only the first of each key.

    The body of a message that was deleted meanwhile is empty.
    """
    values = {
        "endpoints": [endpoint_id for endpoint_id, _ in rooms],
        "rooms": [room for _, room in rooms],
        "most": most,
        "lease": lease,
        "now": now,
        "lease_ends": lease_ends,
    }
    rows: list[tuple[Any, ...]] = await (await tx.execute(CLAIM, values)).fetchall()
    return [
        Work(delivery_id, endpoint_id, event_id, type_, ordered, event_time, bytes(body), tries, lease, lease_ends)
        for delivery_id, endpoint_id, event_id, type_, ordered, event_time, body, tries in sorted(rows)
    ]


async def record(tx: Tx, tried: Sequence[Tried]) -> int:
    """Records attempts and updates their deliveries; returns how many. A lease that has ended updates none."""
    told = [(one, one.outcome) for one in tried]
    values = {
        "ids": [one.work.delivery_id for one in tried],
        "leases": [one.work.lease for one in tried],
        "states": [State.PENDING.value if outcome is None else STATES[outcome.verdict] for _, outcome in told],
        "dues": [one.end_time if outcome is None else one.end_time + outcome.pause for one, outcome in told],
        "tries": [one.work.tries + (outcome is not None) for one, outcome in told],
        "tried": [outcome is not None for _, outcome in told],
        "starts": [one.start_time for one in tried],
        "durations": [one.duration_ms for one in tried],
        "statuses": [one.status for one in tried],
        "errors": [one.error for one in tried],
        "answers": [one.answer for one in tried],
    }
    return (await tx.execute(RECORD, values)).rowcount
