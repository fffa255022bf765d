"""Use cases of promotions: create, change, activate, pause, read. The next quote sees what was written.

Other processes see it at once when its code is presented; automatic promotions within a second.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from chassis import errors, pagination, requests
from chassis.db import Database, Tx
from chassis.events import outbox
from chassis.gate.adjustments import Row
from chassis.requests import Request
from promo_svc.app.catalogue import Catalogue
from promo_svc.app.limits import Limits
from promo_svc.domain.errors import PromotionNotFound, VersionStale
from promo_svc.domain.promotion import FixedAmount, Promotion, State, StoredPromotion, check_move
from promo_svc.store import events, promotions, stock

LIST_QUERY = "promotions"


@dataclass(frozen=True)
class Answer:
    """The promotion as first returned, serialized, so that a replay returns the same bytes."""

    promotion: bytes
    replayed: bool


@dataclass(frozen=True)
class Written:
    """The result of a change: the promotion, and the changes of levels to apply to the gate after the commit."""

    stored: StoredPromotion
    for_gate: list[Row]


class Promotions:
    """One method per use case; each change is one transaction with its event."""

    def __init__(self, database: Database, catalogue: Catalogue, limits: Limits) -> None:
        self._database = database
        self._catalogue = catalogue
        self._limits = limits

    async def create(self, request: Request, promotion: Promotion) -> Answer:
        """Stores a draft. PromotionTaken, CodeTaken, FIELD_INVALID, REQUEST_ID_REUSED. Safe to repeat."""
        check_coherent(promotion)

        async def work(tx: Tx) -> Written:
            stored = await promotions.insert(tx, promotion)
            await stock.couple(tx, promotion)
            return Written(stored, await self._limits.add(tx, promotion))

        return await self._once(request, work)

    async def update(self, request: Request, promotion_id: str, changes: Mapping[str, Any], etag: str) -> Answer:
        """Changes the given rules. PromotionNotFound, VersionStale, CodeTaken, LimitBelowUsed. Safe to repeat."""

        async def work(tx: Tx) -> Written:
            before = await self._lock(tx, promotion_id)
            if etag and etag != str(before.version):
                raise VersionStale(etag, str(before.version))
            after = replace(before.promotion, **changes)
            check_coherent(after)
            stored = replace(await promotions.update(tx, after), used=before.used)
            if _coupling(after) != _coupling(before.promotion):
                await stock.couple(tx, after)
            return Written(stored, await self._limits.change(tx, before.promotion, after))

        return await self._once(request, work)

    async def move(self, promotion_id: str, to: State) -> StoredPromotion:
        """Activates or pauses. PromotionNotFound, StateForbids. A repeat changes nothing."""

        async def work(tx: Tx) -> StoredPromotion:
            before = await self._lock(tx, promotion_id)
            if not check_move(before.promotion, to):
                return before
            after = await promotions.update(tx, replace(before.promotion, state=to))
            return await self._tell(tx, replace(after, used=before.used))

        after = await self._database.run(work)
        self._catalogue.forget()
        return after

    async def get(self, promotion_id: str) -> StoredPromotion:
        """PromotionNotFound."""
        async with self._database.connection() as connection:
            found = await promotions.read(connection, promotion_id)
        if found is None:
            raise PromotionNotFound(promotion_id)
        return found

    async def list(self, page_size: int, page_token: str) -> tuple[list[StoredPromotion], str]:
        """A page by id and the token of the next, empty on the last. PAGE_TOKEN_INVALID."""
        last = pagination.after(LIST_QUERY, page_token, str)
        async with self._database.connection() as connection:
            found = await promotions.page(connection, last[0] if last else "", page_size + 1)
        page = found[:page_size]
        more = len(found) > page_size
        return page, pagination.token(LIST_QUERY, [page[-1].promotion.promotion_id]) if more else ""

    async def _lock(self, tx: Tx, promotion_id: str) -> StoredPromotion:
        found = await promotions.lock(tx, promotion_id)
        if found is None:
            raise PromotionNotFound(promotion_id)
        return found

    async def _once(self, request: Request, work: Callable[[Tx], Awaitable[Written]]) -> Answer:
        for_gate: list[Row] = []

        async def attempt(tx: Tx) -> bytes:
            written = await work(tx)
            for_gate[:] = written.for_gate  # of this attempt only: an attempt that was rolled back changed nothing
            return events.promotion_message(await self._tell(tx, written.stored)).SerializeToString()

        kept, replayed = await requests.once(self._database, request, attempt)
        await self._limits.tell_gate(for_gate)
        self._catalogue.forget()
        return Answer(kept, replayed)

    async def _tell(self, tx: Tx, stored: StoredPromotion) -> StoredPromotion:
        key = stored.promotion.promotion_id
        if stored.promotion.stock_skus:
            stored = replace(stored, suspended=await stock.is_suspended(tx, key))
        await outbox.put(tx, type=events.PROMOTION_CHANGED, key=key, payload=events.promotion_changed(stored))
        return stored


def _coupling(promotion: Promotion) -> tuple[tuple[str, ...], int]:
    return promotion.stock_skus, promotion.minimum_available


def check_coherent(promotion: Promotion) -> None:
    """Rules between fields, which an update can break field by field. FIELD_INVALID with the field's path."""
    start, end = promotion.start_time, promotion.end_time
    if start is not None and end is not None and start >= end:
        raise errors.invalid("promotion.end_time", "FIELD_INVALID", "must be after start_time")
    if promotion.first_order_only and promotion.minimum_purchases:
        path = "promotion.minimum_purchases"
        raise errors.invalid(
            path, "FIELD_INVALID", "must be 0 with first_order_only: a first order has no earlier orders"
        )
    if promotion.stock_skus and not promotion.minimum_available:
        raise errors.required("promotion.minimum_available")
    if promotion.minimum_available and not promotion.stock_skus:
        raise errors.required("promotion.stock_skus")
    minimum = promotion.minimum_amount
    if isinstance(promotion.discount, FixedAmount) and minimum is not None:
        wanted = promotion.discount.money.currency
        if minimum.currency != wanted:
            path = "promotion.minimum_amount.currency"
            raise errors.invalid(path, "FIELD_INVALID", f"must be {wanted}, the currency of fixed_amount")
