"""Use cases of the purchase history: record orders, read a customer's purchases."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from chassis import pagination
from chassis.db import Database, Tx
from promo_svc.domain.purchase import OrderFact, Purchase, newest
from promo_svc.store import purchases


class Purchases:
    """Follows orders; every effect is idempotent by order and version."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def take_in(self, tx: Tx, facts: Sequence[OrderFact]) -> None:
        """Records versions of orders, in whatever order they arrive; guests have no history."""
        known = [fact for fact in newest(facts) if fact.customer_id]
        if known:
            await purchases.write(tx, known)

    async def history(self, customer_id: str, page_size: int, page_token: str) -> tuple[list[Purchase], str]:
        """A page, newest order first, and the token of the next, empty on the last. PAGE_TOKEN_INVALID."""
        query = f"purchases {customer_id}"
        last = pagination.after(query, page_token, datetime, str, int)
        after = (last[0], last[1], last[2]) if last else None
        async with self._database.connection() as connection:
            found = await purchases.page(connection, customer_id, after, page_size + 1)
        page = found[:page_size]
        if len(found) <= page_size:
            return page, ""
        end = page[-1]
        return page, pagination.token(query, [end.purchased_at, end.order_id, end.line])
