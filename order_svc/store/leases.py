"""Leases of sagas: claims of one order or of all that are due, and changes stored for the run that holds the lease."""

from __future__ import annotations

from collections.abc import Collection

from chassis.db import Database
from order_svc.domain.order import Order, ProviderPayment, State
from order_svc.store.orders import LEASE_S
from order_svc.store.rows import COLUMNS, order_of

FREE = "(lease_owner IS NULL OR due_at <= now())"
TAKE_IF_FREE = f"""
    lease_owner = CASE WHEN {FREE} THEN %(owner)s ELSE lease_owner END,
    due_at = CASE WHEN {FREE} THEN now() + make_interval(secs => {LEASE_S}) ELSE due_at END"""

CLAIM = f"""
UPDATE orders SET lease_owner = %(owner)s, due_at = now() + make_interval(secs => {LEASE_S})
WHERE order_id = %(order_id)s AND {FREE} AND state = ANY(%(states)s)
RETURNING {COLUMNS}"""

CLAIM_DUE = f"""
UPDATE orders SET lease_owner = %(owner)s, due_at = now() + make_interval(secs => {LEASE_S})
WHERE order_id IN (
    SELECT order_id FROM orders WHERE due_at <= now() ORDER BY due_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
)
RETURNING {COLUMNS}"""

WANT_CANCELLED = f"""
UPDATE orders SET version = version + 1, cancel_cause = %(cause)s, {TAKE_IF_FREE}
WHERE order_id = %(order_id)s AND state = ANY(%(states)s)
RETURNING {COLUMNS}"""

HEAR = f"""
WITH event AS (
    INSERT INTO payment_events (provider, event_id, order_id, payment_reference, outcome)
    VALUES (%(provider)s, %(event_id)s, %(order_id)s, %(reference)s, %(outcome)s)
    ON CONFLICT DO NOTHING RETURNING order_id AS concerned
),
changed AS (
    UPDATE orders SET version = version + 1, payment_reference = %(reference)s, payment_status = %(status)s,
        decline_code = %(decline_code)s, refunded_minor = %(refunded_minor)s, {TAKE_IF_FREE}
    FROM event
    WHERE order_id = concerned AND payment_provider = %(provider)s AND payment_status <> %(status)s
        AND state IN ('PRICED', 'AUTHORIZING', 'CANCELLING', 'CANCELLED')
    RETURNING orders.*
)
SELECT {COLUMNS} FROM event LEFT JOIN changed ON true"""


class Leases:
    """Leases are exclusive until they expire; a change is stored even when another run holds the lease."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def claim(self, order_id: str, owner: str, states: Collection[State]) -> Order | None:
        """The order, now leased to `owner`; None when another run holds it or it is in another state."""
        found = await self._rows(CLAIM, owner=owner, order_id=order_id, states=list(states))
        return found[0] if found else None

    async def claim_due(self, owner: str, limit: int) -> list[Order]:
        """Up to `limit` orders that are due, now leased to `owner`."""
        return await self._rows(CLAIM_DUE, owner=owner, limit=limit)

    async def want_cancelled(self, order_id: str, owner: str, cause: str, states: Collection[State]) -> Order | None:
        """Stores that the order is to be cancelled; leases it to `owner` if it is free. None when it is in another state."""
        found = await self._rows(WANT_CANCELLED, owner=owner, order_id=order_id, cause=cause, states=list(states))
        return found[0] if found else None

    async def hear(
        self, provider: str, event_id: str, outcome: str, payment: ProviderPayment, owner: str
    ) -> tuple[bool, Order | None]:
        """Records a provider's event, and the payment's present status in its order.

        Returns whether the event is new, and the order if it changed, leased to `owner` if it is free.
        """
        fields = {
            "owner": owner,
            "provider": provider,
            "event_id": event_id,
            "outcome": outcome,
            "order_id": payment.order_id,
            "reference": payment.reference,
            "status": payment.status,
            "decline_code": payment.decline_code,
            "refunded_minor": payment.refunded_minor,
        }
        async with self._db.connection() as connection:
            row = await (await connection.execute(HEAR, fields)).fetchone()
        if row is None:
            return False, None
        return True, None if row[0] is None else order_of(row)

    async def _rows(self, statement: str, **fields: object) -> list[Order]:
        async with self._db.connection() as connection:
            return [order_of(row) for row in await (await connection.execute(statement, fields)).fetchall()]
