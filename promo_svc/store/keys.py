"""The keys of usage levels, in journal and gate: `promotion` for all uses, `promotion@customer` for one customer's."""

from __future__ import annotations

PARTITION = 0
"""One partition: promotions are few, and a redemption of several must be one atomic step."""
GATE_PREFIX = "pro"


def of_all(promotion_id: str) -> str:
    """Counts every use of a promotion."""
    return promotion_id


def of_customer(promotion_id: str, customer_id: str) -> str:
    """Counts one customer's uses; a customer's id may hold an @, a promotion's may not."""
    return f"{promotion_id}@{customer_id}"


def promotion_of(key: str) -> str:
    """The promotion that a key counts."""
    return key.partition("@")[0]


def is_of_customer(key: str) -> bool:
    """True when the key counts one customer's uses."""
    return "@" in key
