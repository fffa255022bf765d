"""Use cases of back-in-stock notices: request, list, cancel. stock.py sends the notices."""

from __future__ import annotations

from chassis import pagination, requests
from chassis.db import Database, Tx
from chassis.requests import Request
from promo_svc.domain.errors import CustomerNoticesFull, SkuInStock, SkuNoticesFull
from promo_svc.domain.notice import MOST_OF_CUSTOMER, MOST_OF_SKU, Notice, Wish
from promo_svc.store import events, notices, stock

CANCELLED = b"cancelled"


class Notices:
    """One method per use case. Requests for a sku and counts of it are serialised, so that no request is missed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def ask(self, request: Request, wish: Wish) -> tuple[bytes, bool]:
        """The notice as first returned, serialized; True: an earlier request made it. Safe to repeat.

        SkuInStock, CustomerNoticesFull, SkuNoticesFull, REQUEST_ID_REUSED.
        """

        async def work(tx: Tx) -> bytes:
            await notices.lock_customer(tx, wish.customer_id)
            available = (await stock.lock(tx, [wish.sku]))[wish.sku]
            if available is not None and available > 0:
                raise SkuInStock(wish.sku, available)
            customer_is_full, sku_is_full = await notices.are_full(tx, wish)
            if customer_is_full:
                raise CustomerNoticesFull(wish.customer_id, MOST_OF_CUSTOMER)
            if sku_is_full:
                raise SkuNoticesFull(wish.sku, MOST_OF_SKU)
            return events.notice_message(await notices.put(tx, wish)).SerializeToString()

        return await requests.once(self._database, request, work)

    async def list(self, customer_id: str, page_size: int, page_token: str) -> tuple[list[Notice], str]:
        """A page by sku and the token of the next, empty on the last. PAGE_TOKEN_INVALID."""
        query = f"back_in_stock {customer_id}"
        last = pagination.after(query, page_token, str)
        async with self._database.connection() as connection:
            found = await notices.page(connection, customer_id, last[0] if last else "", page_size + 1)
        page = found[:page_size]
        return page, pagination.token(query, [page[-1].wish.sku]) if len(found) > page_size else ""

    async def cancel(self, request: Request, customer_id: str, sku: str) -> tuple[bool, bool]:
        """Whether there was an open request; True: an earlier request cancelled it. Safe to repeat. REQUEST_ID_REUSED."""

        async def work(tx: Tx) -> bytes:
            return CANCELLED if await notices.remove(tx, customer_id, sku) else b""

        kept, replayed = await requests.once(self._database, request, work)
        return kept == CANCELLED, replayed
