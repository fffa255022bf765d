"""The use case of a quote: fetch what the pure function needs, then call it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from chassis import metrics
from chassis.db import Database
from promo_svc.app.catalogue import Catalogue
from promo_svc.domain import quoting
from promo_svc.domain.cart import Cart
from promo_svc.domain.promotion import Promotion, State
from promo_svc.domain.quote import Quote
from promo_svc.domain.usage import NONE_USED, Uses
from promo_svc.store import usage

QUOTES = metrics.counter("promo_quotes_total", "Carts that were priced: discounted or plain", "outcome")


class Quotes:
    """Reads no promotion from the database, and uses only when a limited promotion is in question."""

    def __init__(self, database: Database, catalogue: Catalogue, now: Callable[[], datetime]) -> None:
        self._database = database
        self._catalogue = catalogue
        self._now = now

    async def quote(self, cart: Cart) -> Quote:
        """Prices the cart, without effect."""
        now = self._now()
        candidates = await self._candidates(cart, now)
        quote = quoting.quote(candidates, cart, await self._uses(candidates, cart), now)
        QUOTES.of("discounted" if quote.applied else "plain").value += 1
        return quote

    async def _candidates(self, cart: Cart, now: datetime) -> list[Promotion]:
        """Looks again before a code is refused: another process may have activated it a moment ago."""
        candidates = list((await self._catalogue.current()).candidates(cart.codes, now))
        active = {promotion.code for promotion in candidates if promotion.state is State.ACTIVE}
        if active.issuperset(cart.codes):
            return candidates
        self._catalogue.forget()
        return list((await self._catalogue.current()).candidates(cart.codes, now))

    async def _uses(self, candidates: list[Promotion], cart: Cart) -> Uses:
        limited = [promotion.promotion_id for promotion in candidates if promotion.is_limited]
        if not limited:
            return NONE_USED
        async with self._database.connection() as connection:
            return await usage.uses(connection, limited, cart.customer_id)
