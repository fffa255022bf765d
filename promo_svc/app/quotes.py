"""The use case of a quote: fetch what the pure function needs, then call it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from chassis.db import Database
from promo_svc.app.catalogue import Catalogue
from promo_svc.domain import quoting
from promo_svc.domain.cart import Cart
from promo_svc.domain.promotion import Promotion
from promo_svc.domain.quote import Quote
from promo_svc.domain.usage import NONE_USED, Uses
from promo_svc.store import usage


class Quotes:
    """Reads no promotion from the database, and uses only when a limited promotion is in question."""

    def __init__(self, database: Database, catalogue: Catalogue, now: Callable[[], datetime]) -> None:
        self._database = database
        self._catalogue = catalogue
        self._now = now

    async def quote(self, cart: Cart) -> Quote:
        """Prices the cart, without effect."""
        snapshot, now = await self._catalogue.current(), self._now()
        candidates = list(snapshot.candidates(cart.codes, now))
        return quoting.quote(candidates, cart, await self._uses(candidates, cart), now)

    async def _uses(self, candidates: list[Promotion], cart: Cart) -> Uses:
        limited = [promotion.promotion_id for promotion in candidates if promotion.is_limited]
        if not limited:
            return NONE_USED
        async with self._database.connection() as connection:
            return await usage.uses(connection, limited, cart.customer_id)
