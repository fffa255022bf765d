"""The sandbox provider's books. They lie in this database for want of a better place, and commit by themselves."""

from __future__ import annotations

from typing import Any

from chassis.db import Database
from order_svc.domain.order import PaymentStatus, ProviderPayment
from order_svc.store.writes import Writes

COLUMNS = "key, order_id, reference, status, decline_code"
OPEN = """
INSERT INTO sandbox_payments (key, order_id, reference, status, decline_code, amount_minor, currency)
VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING RETURNING key"""
FIND = f"SELECT {COLUMNS} FROM sandbox_payments WHERE key = %s"
FIND_REFERENCE = f"SELECT {COLUMNS} FROM sandbox_payments WHERE reference = %s"
TURN = """
UPDATE sandbox_payments SET status = %s, decline_code = %s WHERE key = %s AND status = ANY(%s)"""


class SandboxPayments:
    """The Ledger of clients/sandbox.py."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._writes = Writes(db)

    async def open(self, payment: ProviderPayment, amount_minor: int, currency: str) -> ProviderPayment | None:
        """Books a payment unless its key is known; then answers the one that is there."""
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
        """Changes the status where it is one of `before`; answers the payment after it."""
        async with self._db.connection() as connection:
            await connection.execute(TURN, (after, decline_code, key, list(before)))
        return await self.find(key)

    async def _one(self, statement: str, *values: object) -> tuple[Any, ...] | None:
        async with self._db.connection() as connection:
            return await (await connection.execute(statement, values)).fetchone()


def _payment(row: tuple[Any, ...] | None) -> ProviderPayment | None:
    return None if row is None else ProviderPayment(row[0], row[1], row[2], PaymentStatus(row[3]), row[4])
