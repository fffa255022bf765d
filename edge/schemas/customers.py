"""REST schemas of customers."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from typing_extensions import TypedDict

from edge.schemas.bounds import field
from edge.schemas.fields import Body, Email, MoneyAnswer, PageSize, PageToken, Query, SkuId


class PageQuery(Query):
    """The page to return."""

    page_size: PageSize = 0
    page_token: PageToken = ""


class PurchaseAnswer(TypedDict):
    """One line of a confirmed order; `cancelled_at` is null unless the order was cancelled."""

    order_id: str
    sku: str
    quantity: int
    total: MoneyAnswer
    purchased_at: datetime | None
    cancelled_at: datetime | None


class PurchaseListAnswer(TypedDict):
    """One page of purchases, newest order first."""

    purchases: list[PurchaseAnswer]
    next_page_token: str


class BackInStock(Body):
    """A sku that a customer waits for, and where to send the notice."""

    sku: SkuId
    channel: Annotated[
        str, field("promo.v1.RequestBackInStockNoticeRequest", "channel", "Sales channel, such as web or pos")
    ] = ""
    email: Email = ""


class BackInStockAnswer(TypedDict):
    """An open request; it ends when the notice is sent to the customer."""

    customer_id: str
    sku: str
    channel: str
    email: str
    requested_at: datetime | None


class BackInStockListAnswer(TypedDict):
    """One page of open requests, in order of their skus."""

    notices: list[BackInStockAnswer]
    next_page_token: str


class BackInStockCancelledAnswer(TypedDict):
    """`cancelled` is false when there was no open request."""

    customer_id: str
    sku: str
    cancelled: bool
