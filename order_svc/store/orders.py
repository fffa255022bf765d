"""Orders in Postgres: each change of state is one statement, hence one transaction: it updates the row by
compare-and-set on version and lease, and adds history, step log and event. Leases use the clock of Postgres.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from chassis.db import Database
from order_svc.domain.order import Order
from order_svc.domain.saga import Progress, needs_token
from order_svc.store import events, meters
from order_svc.store.rows import COLUMNS, as_json, order_of
from order_svc.store.writes import Writes

LEASE_S = 30.0
"""Longer than any run (app/saga.py ends them after 20 s), short enough that a crash is resumed within a minute."""

LOG = """
transitions AS (
    INSERT INTO order_transitions (order_id, from_state, to_state, cause, created_at)
    SELECT order_id, move.* FROM changed, json_to_recordset(%(moves)s::json)
        AS move (before text, after text, cause text, at timestamptz)
),
steps AS (
    INSERT INTO saga_steps (order_id, step, outcome, created_at)
    SELECT order_id, step.* FROM changed, json_to_recordset(%(steps)s::json)
        AS step (name text, outcome text, at timestamptz)
),
event AS (
    INSERT INTO outbox (type, key, payload)
    SELECT %(type)s, order_id, %(payload)s::jsonb FROM changed WHERE %(type)s::text IS NOT NULL
)
SELECT version FROM changed"""

INSERT = (
    """
WITH changed AS (
    INSERT INTO orders (
        order_id, request_id, fingerprint, state, version, lines, discounts, skipped, codes, currency,
        subtotal_minor, discount_minor, total_minor, customer_id, email, address, channel,
        payment_provider, payment_token, payment_key, payment_reference, payment_status, decline_code,
        payment_deadline, cause, refusal, attempts, last_error, lease_owner, due_at, created_at, updated_at
    ) VALUES (
        %(order_id)s, %(request_id)s, %(fingerprint)s, %(state)s, 1, %(lines)s::jsonb, %(discounts)s::jsonb,
        %(skipped)s::jsonb, %(codes)s::jsonb, %(currency)s, %(subtotal_minor)s, %(discount_minor)s, %(total_minor)s,
        %(customer_id)s, %(email)s, %(address)s::jsonb, %(channel)s, %(payment_provider)s, %(payment_token)s,
        %(payment_key)s, %(payment_reference)s, %(payment_status)s, %(decline_code)s, %(payment_deadline)s, %(cause)s,
        %(refusal)s::jsonb, 0, '', %(lease_owner)s, now() + make_interval(secs => %(due_s)s),
        %(created_at)s, %(updated_at)s
    ) ON CONFLICT DO NOTHING RETURNING order_id, version
),"""
    + LOG
)

UPDATE = (
    """
WITH changed AS (
    UPDATE orders SET
        state = %(state)s, version = version + 1, lines = COALESCE(%(lines)s::jsonb, lines),
        payment_token = %(payment_token)s, payment_key = %(payment_key)s, payment_reference = %(payment_reference)s,
        payment_status = %(payment_status)s, decline_code = %(decline_code)s,
        payment_deadline = %(payment_deadline)s, refunded_minor = %(refunded_minor)s,
        cause = %(cause)s, refusal = %(refusal)s::jsonb, cancel_cause = %(cancel_cause)s,
        resume_state = %(resume_state)s, attempts = %(attempts)s,
        last_error = %(last_error)s, lease_owner = %(lease_owner)s,
        due_at = now() + make_interval(secs => %(due_s)s), confirmed_at = %(confirmed_at)s,
        updated_at = %(updated_at)s
    WHERE order_id = %(order_id)s AND version = %(version)s AND lease_owner = %(owner)s
    RETURNING order_id, version
),"""
    + LOG
)

GET = f"SELECT {COLUMNS} FROM orders WHERE order_id = %s"


@dataclass(frozen=True, slots=True)
class Lease:
    """The lease of a saga after a change. `rest_s`: seconds until a released saga is due again; None means never."""

    owner: str
    released: bool = False
    rest_s: float | None = None

    @property
    def due_s(self) -> float | None:
        """Seconds until the row is due again."""
        return self.rest_s if self.released else LEASE_S


class StaleVersion(Exception):
    """The row has changed, or another run holds the lease: read it again."""


class Orders:
    """Reads and writes whole orders."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._writes = Writes(db)

    async def insert(self, progress: Progress, lease: Lease) -> bool:
        """Stores a new order; returns False when its request_id already has one."""
        order = progress.order
        first = {
            "request_id": order.request_id,
            "fingerprint": order.fingerprint,
            "lines": as_json(order.lines),
            "discounts": as_json(order.discounts),
            "skipped": as_json(order.skipped),
            "codes": as_json(order.codes),
            "currency": order.currency,
            "subtotal_minor": order.subtotal_minor,
            "discount_minor": order.discount_minor,
            "total_minor": order.total_minor,
            "customer_id": order.customer.id,
            "email": order.customer.email,
            "address": None if order.customer.address is None else as_json(order.customer.address),
            "channel": order.channel,
            "payment_provider": order.payment.provider,
            "created_at": order.created_at,
        }
        return await self._write(INSERT, progress, lease, first)

    async def update(self, progress: Progress, lease: Lease) -> None:
        """Stores the changes of a run. Raises StaleVersion when the row has changed since this run read it."""
        fields = {
            "lines": None if progress.order.lines is progress.stored_lines else as_json(progress.order.lines),
            "version": progress.order.version,
            "owner": lease.owner,
            "cancel_cause": progress.order.cancel_cause,
            "resume_state": progress.order.resume_state,
            "attempts": progress.order.attempts,
            "last_error": progress.order.last_error,
            "confirmed_at": progress.order.confirmed_at,
            "refunded_minor": progress.order.payment.refunded_minor,
        }
        if not await self._write(UPDATE, progress, lease, fields):
            raise StaleVersion(progress.order.order_id)

    async def _write(self, statement: str, progress: Progress, lease: Lease, more: dict[str, Any]) -> bool:
        row = await self._writes.put(progress.order.order_id, statement, {**_shared(progress, lease), **more})
        if row is None:
            return False
        meters.stored(progress)
        progress.was_stored(row[0])
        return True

    async def find(self, order_id: str) -> Order | None:
        """One order."""
        async with self._db.connection() as connection:
            row = await (await connection.execute(GET, (order_id,))).fetchone()
        return None if row is None else order_of(row)


def _shared(progress: Progress, lease: Lease) -> dict[str, Any]:
    order = progress.order
    fields: dict[str, Any] = {
        "order_id": order.order_id,
        "state": order.state,
        "payment_token": order.payment.token if needs_token(order) else "",
        "payment_key": order.payment.key,
        "payment_reference": order.payment.reference,
        "payment_status": order.payment.status,
        "decline_code": order.payment.decline_code,
        "payment_deadline": order.payment.deadline,
        "cause": order.cause,
        "refusal": None if order.refusal is None else as_json(order.refusal),
        "lease_owner": None if lease.released else lease.owner,
        "due_s": lease.due_s,
        "updated_at": order.updated_at,
        "moves": as_json(progress.transitions),
        "steps": as_json(progress.steps),
        "type": None,
        "payload": None,
    }
    if progress.transitions:
        version = order.version if progress.stored is None else order.version + 1
        fields["type"] = events.type_of(order, progress.stored)
        fields["payload"] = events.order_changed(order, version, progress.stored)
    return fields
