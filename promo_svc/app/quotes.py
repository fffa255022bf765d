"""The use case of a quote: fetch what the pure function needs, then call it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
        return (await self.quote_many([cart]))[0]

    async def quote_many(self, carts: Sequence[Cart]) -> list[Quote]:
        """Prices each cart by itself; what was used is read for all of them at once."""
        now = self._now()
        candidates = [await self._candidates(cart, now) for cart in carts]
        limited = [_limited(each) for each in candidates]
        uses = await self._uses(limited, carts)
        quotes = [quoting.quote(*each, now) for each in zip(candidates, carts, uses, strict=True)]
        for quote in quotes:
            QUOTES.of("discounted" if quote.applied else "plain").value += 1
        return quotes

    async def _candidates(self, cart: Cart, now: datetime) -> list[Promotion]:
        """Looks again before a code is refused: another process may have activated it a moment ago."""
        candidates = list((await self._catalogue.current()).candidates(cart.codes, now))
        active = {promotion.code for promotion in candidates if promotion.state is State.ACTIVE}
        if active.issuperset(cart.codes):
            return candidates
        self._catalogue.forget()
        return list((await self._catalogue.current()).candidates(cart.codes, now))

    async def _uses(self, limited: Sequence[list[str]], carts: Sequence[Cart]) -> list[Uses]:
        if not any(limited):
            return [NONE_USED] * len(carts)
        asked = [(ids, cart.customer_id) for ids, cart in zip(limited, carts, strict=True)]
        async with self._database.connection() as connection:
            return await usage.uses(connection, asked)


def _limited(candidates: Sequence[Promotion]) -> list[str]:
    return [promotion.promotion_id for promotion in candidates if promotion.is_limited]
