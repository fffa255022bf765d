"""Settings of the order service, read once at start."""

from __future__ import annotations

from dataclasses import dataclass

from chassis import config
from chassis.events import config as events
from chassis.events.event import ContentType

PAYMENT_WAIT_S = 780
"""Claims hold two minutes longer than this: 900 s by default."""


@dataclass(frozen=True)
class Settings:
    """`payment_wait_s`: how long a customer's bank may take to confirm a payment."""

    address: str
    database_url: str
    broker_url: str
    events_content_type: ContentType
    inventory_address: str
    promo_address: str
    payment_wait_s: int
    inventory_connections: int = 1
    promo_connections: int = 1


def load() -> Settings:
    """Raises ConfigError when a variable is missing or cannot be used."""
    return Settings(
        address=config.listening_address("order"),
        database_url=config.database_url("orders"),
        broker_url=events.broker_url(),
        events_content_type=events.content_type(),
        inventory_address=config.address("inventory"),
        promo_address=config.address("promo"),
        payment_wait_s=config.whole("ORDER_PAYMENT_WAIT_S", PAYMENT_WAIT_S, 1, 80_000),
        inventory_connections=config.connections("inventory"),
        promo_connections=config.connections("promo"),
    )
