"""The sandbox provider's books. They share this database for lack of a better place, and commit in their own transactions."""

from __future__ import annotations

from typing import Any

from chassis.db import Database
from order_svc.domain.order import PaymentStatus, ProviderPayment
from order_svc.store.writes import Writes

COLUMNS = "key, order_id, reference, status, decline_code, refunded_minor"
OPEN = """
INSERT INTO sandbox_payments (key, order_id, reference, status, decline_code, amount_minor, currency)
VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING RETURNING key"""
FIND = f"SELECT {COLUMNS} FROM sandbox_payments WHERE key = %s"
FIND_REFERENCE = f"SELECT {COLUMNS} FROM sandbox_payments WHERE reference = %s"
TURN = """
UPDATE sandbox_payments SET status = %(after)s, decline_code = %(decline_code)s,
    refunded_minor = CASE WHEN %(gives_back)s AND status IN ('AUTHORIZED', 'CAPTURED') THEN amount_minor
                          ELSE refunded_minor END
WHERE key = %(key)s AND status = ANY(%(before)s)"""
TAKE_OFF = """
WITH part AS (
    INSERT INTO sandbox_parts (part_key, key, amount_minor)
    SELECT %(part_key)s, key, %(amount_minor)s FROM sandbox_payments
    WHERE key = %(key)s AND status = %(before)s AND refunded_minor + %(amount_minor)s <= amount_minor
    FOR UPDATE
    ON CONFLICT DO NOTHING RETURNING key
)
UPDATE sandbox_payments p SET refunded_minor = p.refunded_minor + %(amount_minor)s,
    status = CASE WHEN p.refunded_minor + %(amount_minor)s = p.amount_minor THEN %(ended)s ELSE p.status END
FROM part WHERE p.key = part.key"""
GIVES_BACK = (PaymentStatus.VOIDED, PaymentStatus.REFUNDED)


class SandboxPayments:
    """The Ledger of clients/sandbox.py."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._writes = Writes(db)

    async def open(self, payment: ProviderPayment, amount_minor: int, currency: str) -> ProviderPayment | None:
        """Books a payment unless its key is known; then returns the existing one."""
        values = (payment.key, payment.order_id, payment.reference, payment.status, payment.decline_code)
        booked = await self._writes.put(payment.key, OPEN, (*values, amount_minor, currency))
        return None if booked else await self.find(payment.key)

    async def find(self, key: str) -> ProviderPayment | None:
        """The payment with this key."""
        return _payment(await self._one(FIND, key))

    async def find_reference(self, reference: str) -> ProviderPayment | None:
        """The payment with this reference."""
        return _payment(await self._one(FIND_REFERENCE, reference))

    async def turn(
        self, key: str, before: tuple[PaymentStatus, ...], after: PaymentStatus, decline_code: str = ""
    ) -> ProviderPayment | None:
        """Changes the status where it is one of `before`; returns the payment afterwards."""
        values = {
            "key": key,
            "before": list(before),
            "after": after,
            "decline_code": decline_code,
            "gives_back": after in GIVES_BACK,
        }
        async with self._db.connection() as connection:
            await connection.execute(TURN, values)
        return await self.find(key)

    async def take_off(
        self, key: str, part_key: str, amount_minor: int, before: PaymentStatus, ended: PaymentStatus
    ) -> ProviderPayment | None:
        """Gives a part back, once per `part_key`; see the Ledger."""
        values = {"key": key, "part_key": part_key, "amount_minor": amount_minor, "before": before, "ended": ended}
        async with self._db.connection() as connection:
            await connection.execute(TAKE_OFF, values)
        return await self.find(key)

    async def _one(self, statement: str, *values: object) -> tuple[Any, ...] | None:
        async with self._db.connection() as connection:
            return await (await connection.execute(statement, values)).fetchone()


def _payment(row: tuple[Any, ...] | None) -> ProviderPayment | None:
    return None if row is None else ProviderPayment(row[0], row[1], row[2], PaymentStatus(row[3]), row[4], row[5])
