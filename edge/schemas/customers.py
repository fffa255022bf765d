"""What is known of customers, over REST."""

from __future__ import annotations

from datetime import datetime

from typing_extensions import TypedDict

from edge.schemas.fields import MoneyAnswer, PageSize, PageToken, Query


class PurchaseQuery(Query):
    """Which page of a customer's purchases."""

    page_size: PageSize = 0
    page_token: PageToken = ""


class PurchaseAnswer(TypedDict):
    """One line of a confirmed order; `cancelled_at` is null while the order stands."""

    order_id: str
    sku: str
    quantity: int
    total: MoneyAnswer
    purchased_at: datetime | None
    cancelled_at: datetime | None


class PurchaseListAnswer(TypedDict):
    """One page, newest order first."""

    purchases: list[PurchaseAnswer]
    next_page_token: str
