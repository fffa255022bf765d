"""The use case of a quote: fetch what the pure function needs, then call it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from promo_svc.app.catalogue import Catalogue
from promo_svc.domain import quoting
from promo_svc.domain.cart import Cart
from promo_svc.domain.quote import Quote
from promo_svc.domain.usage import NONE_USED


class Quotes:
    """Reads no promotion from the database, and uses only when a limited promotion is in question."""

    def __init__(self, catalogue: Catalogue, now: Callable[[], datetime]) -> None:
        self._catalogue = catalogue
        self._now = now

    async def quote(self, cart: Cart) -> Quote:
        """Prices the cart, without effect."""
        snapshot, now = await self._catalogue.current(), self._now()
        candidates = list(snapshot.candidates(cart.codes, now))
        return quoting.quote(candidates, cart, NONE_USED, now)
