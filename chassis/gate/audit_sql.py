"""The statements of the always-on audit, with one service's table names. The reason for each bound stands beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import LiteralString

NUMBERS = ("on_hand", "reserved", "committed", "unavailable", "backorder_limit")
HISTORY = 2_000
"""Movements of one level that one statement sums. A level with more has a checkpoint: the sum of its oldest."""
SETTLED: LiteralString = "interval '2 minutes'"
"""A checkpoint ends before this: ids commit out of order, but no transaction of the services takes this long. If one did,
the level would look wrong, and it is summed again from its first movement before that is reported."""

CLAIM: LiteralString = "SELECT pg_try_advisory_xact_lock(7405, %s)"
LEASE: LiteralString = "interval '60 seconds'"
"""The process that ran the last round runs the next; another one takes over after this long without a round, by the clock of
Postgres."""
LOAD: LiteralString = f"SELECT state, updated_at > now() - {LEASE} FROM audits WHERE partition = %s"
SAVE: LiteralString = """
INSERT INTO audits (partition, state) VALUES (%s, %s::jsonb)
ON CONFLICT (partition) DO UPDATE SET state = excluded.state, updated_at = now()"""
EPOCH: LiteralString = "SELECT epoch FROM gate WHERE partition = %s"
PENDING: LiteralString = "SELECT DISTINCT key FROM gate_adjustments WHERE partition = %s AND key = ANY (%s)"
FORGET: LiteralString = "DELETE FROM audit_checkpoints WHERE key = %s"
_SUMS: LiteralString = (
    "coalesce(sum(on_hand_delta), 0)::bigint AS on_hand, coalesce(sum(reserved_delta), 0)::bigint AS reserved,"
    " coalesce(sum(committed_delta), 0)::bigint AS committed, coalesce(sum(unavailable_delta), 0)::bigint AS unavailable,"
    " coalesce(sum(backorder_limit_delta), 0)::bigint AS backorder_limit"
)
_TAKEABLE: LiteralString = "p.on_hand - p.reserved - p.committed - p.unavailable + p.backorder_limit"


@dataclass(frozen=True)
class AuditSql:
    """One service's statements."""

    page: LiteralString
    """(partition, after, most): a chunk of levels by key, each beside the sum of its movements; found by index, key by key."""
    one: LiteralString
    """(key): the same for one level, however many movements follow its checkpoint."""
    advance: LiteralString
    """(key, key, key): the checkpoint takes in the next HISTORY movements; no row when fewer of them are settled."""
    levels: LiteralString
    """(keys): units that may be taken, and the version."""
    live: LiteralString
    """(partition): units of active reservations, line by line, over a cursor."""
    reserved: LiteralString
    """(partition): levels of which something is reserved, over a cursor."""
    states: LiteralString
    """(ids): state and token of reservations."""


def statements(levels: LiteralString, movements: LiteralString, reservations: LiteralString) -> AuditSql:
    """The statements for a service with these table names."""
    numbers: LiteralString = "p.on_hand, p.reserved, p.committed, p.unavailable, p.backorder_limit"
    summed: LiteralString = (
        "coalesce(c.on_hand, 0) + s.on_hand, coalesce(c.reserved, 0) + s.reserved, coalesce(c.committed, 0) + s.committed,"
        " coalesce(c.unavailable, 0) + s.unavailable, coalesce(c.backorder_limit, 0) + s.backorder_limit"
    )
    compared: LiteralString = (
        f"SELECT p.key, {_TAKEABLE}, s.rows, c.movement_id IS NOT NULL,"
        f" CASE WHEN ({numbers}) <> ({summed}) THEN ARRAY[{numbers}, {summed}] END"
        " FROM page p LEFT JOIN audit_checkpoints c USING (key)"
    )
    later: LiteralString = f"SELECT * FROM {movements} m WHERE m.key = p.key AND m.id > coalesce(c.movement_id, 0)"
    return AuditSql(
        page=f"WITH page AS MATERIALIZED (SELECT * FROM {levels} WHERE partition = %s AND key > %s ORDER BY key LIMIT %s)"
        f" {compared} CROSS JOIN LATERAL (SELECT count(*) AS rows, {_SUMS}"
        f" FROM ({later} ORDER BY m.id LIMIT {HISTORY}) AS latest) AS s ORDER BY p.key",
        one=f"WITH page AS MATERIALIZED (SELECT * FROM {levels} WHERE key = %s)"
        f" {compared} CROSS JOIN LATERAL (SELECT count(*) AS rows, {_SUMS} FROM ({later}) AS latest) AS s",
        advance="INSERT INTO audit_checkpoints AS c (key, movement_id, on_hand, reserved, committed, unavailable,"
        f" backorder_limit) SELECT %s, max(id), {_SUMS} FROM (SELECT * FROM {movements} WHERE key = %s"
        " AND id > coalesce((SELECT movement_id FROM audit_checkpoints WHERE key = %s), 0)"
        f" ORDER BY id LIMIT {HISTORY}) AS oldest HAVING count(*) = {HISTORY} AND max(created_at) < now() - {SETTLED}"
        " ON CONFLICT (key) DO UPDATE SET movement_id = excluded.movement_id, on_hand = c.on_hand + excluded.on_hand,"
        " reserved = c.reserved + excluded.reserved, committed = c.committed + excluded.committed,"
        " unavailable = c.unavailable + excluded.unavailable,"
        " backorder_limit = c.backorder_limit + excluded.backorder_limit RETURNING 1",
        levels=f"SELECT key, {_TAKEABLE}, version FROM {levels} p WHERE key = ANY (%s)",
        live=f"SELECT l.key, l.quantity FROM {reservations} r, jsonb_to_recordset(r.lines) AS l(key text, quantity bigint)"
        " WHERE r.state = 'ACTIVE' AND r.partition = %s",
        reserved=f"SELECT key, reserved FROM {levels} WHERE partition = %s AND reserved <> 0",
        states=f"SELECT id, state, nonce FROM {reservations} WHERE id = ANY (%s)",
    )
