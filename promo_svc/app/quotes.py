"""The use case of a quote: reads the inputs of the pure function, then calls it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from chassis import metrics
from chassis.db import Database
from promo_svc.app.catalogue import Catalogue
from promo_svc.domain import quoting
from promo_svc.domain.cart import Cart
from promo_svc.domain.known import NOTHING_KNOWN, Known
from promo_svc.domain.promotion import Promotion, State
from promo_svc.domain.quote import Quote
from promo_svc.domain.usage import FIRST_ORDER, NONE_USED
from promo_svc.store import purchases, stock, usage

QUOTES = metrics.counter("promo_quotes_total", "Carts that were priced: discounted or plain", "outcome")


class Quotes:
    """Reads no promotion from the database; reads uses, orders and stock only when a candidate depends on them."""

    def __init__(self, database: Database, catalogue: Catalogue, now: Callable[[], datetime]) -> None:
        self._database = database
        self._catalogue = catalogue
        self._now = now

    async def quote(self, cart: Cart) -> Quote:
        """Prices the cart, without effect."""
        return (await self.quote_many([cart]))[0]

    async def quote_many(self, carts: Sequence[Cart]) -> list[Quote]:
        """Prices each cart on its own; uses, orders and stock are read once for all of them."""
        now = self._now()
        candidates = [await self._candidates(cart, now) for cart in carts]
        known = await self._known(candidates, carts)
        quotes = [quoting.quote(*each, now) for each in zip(candidates, carts, known, strict=True)]
        for quote in quotes:
            QUOTES.of("discounted" if quote.applied else "plain").value += 1
        return quotes

    async def _candidates(self, cart: Cart, now: datetime) -> list[Promotion]:
        """Reads again before a code is refused: another process may have activated it a moment ago."""
        candidates = list((await self._catalogue.current()).candidates(cart.codes, now))
        active = {promotion.code for promotion in candidates if promotion.state is State.ACTIVE}
        if active.issuperset(cart.codes):
            return candidates
        self._catalogue.forget()
        return list((await self._catalogue.current()).candidates(cart.codes, now))

    async def _known(self, candidates: Sequence[Sequence[Promotion]], carts: Sequence[Cart]) -> list[Known]:
        """The facts that the candidates depend on: one statement per kind that any of them needs."""
        limited = [_limited(each) for each in candidates]
        customers = [_customer(each, cart) for each, cart in zip(candidates, carts, strict=True)]
        skus = sorted({sku for each in candidates for promotion in each for sku in promotion.stock_skus})
        if not any(limited) and not any(customers) and not skus:
            return [NOTHING_KNOWN] * len(carts)
        uses, orders, available = [NONE_USED] * len(carts), dict[str, int](), dict[str, int]()
        async with self._database.connection() as connection:
            if any(limited):
                asked = [(ids, cart.customer_id) for ids, cart in zip(limited, carts, strict=True)]
                uses = await usage.uses(connection, asked)
            if any(customers):
                orders = await purchases.standing(connection, sorted(set(customers) - {""}))
            if skus:
                available = await stock.available(connection, skus)
        return [Known(used, orders.get(customer, 0), available) for used, customer in zip(uses, customers, strict=True)]


def _limited(candidates: Sequence[Promotion]) -> list[str]:
    """The ids whose uses are needed: promotions with a limit, and FIRST_ORDER."""
    first = [FIRST_ORDER] if any(promotion.first_order_only for promotion in candidates) else []
    return [promotion.promotion_id for promotion in candidates if promotion.is_limited] + first


def _customer(candidates: Sequence[Promotion], cart: Cart) -> str:
    """The customer whose earlier orders are needed; empty when none are."""
    return cart.customer_id if any(promotion.asks_history for promotion in candidates) else ""
