"""The keys of usage levels, in journal and gate: `promotion` for all uses, `promotion@customer` for one customer's,
`@customer` for a customer's first order, whichever promotions it uses."""

from __future__ import annotations

from promo_svc.domain.usage import FIRST_ORDER

PARTITION = 0
"""One partition: promotions are few, and a redemption of several must be one atomic step."""
GATE_PREFIX = "pro"


def of_all(promotion_id: str) -> str:
    """Counts every use of a promotion."""
    return promotion_id


def of_customer(promotion_id: str, customer_id: str) -> str:
    """Counts one customer's uses; a customer's id may contain an @, a promotion's id may not."""
    return f"{promotion_id}@{customer_id}"


def of_first_order(customer_id: str) -> str:
    """Counts a customer's orders that use promotions for first orders: at most one at a time."""
    return of_customer(FIRST_ORDER, customer_id)


def is_of_first_order(key: str) -> bool:
    """True when the key counts a customer's first order."""
    return promotion_of(key) == FIRST_ORDER


def promotion_of(key: str) -> str:
    """The promotion that a key counts; empty for a first order's key."""
    return key.partition("@")[0]


def is_of_customer(key: str) -> bool:
    """True when the key counts one customer's uses."""
    return "@" in key
