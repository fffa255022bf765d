"""promo.v1.CustomerService: reads the message, calls the use case, returns the response."""

from __future__ import annotations

from typing import Any

from chassis import ids, requests
from chassis.validation import DEFAULT_PAGE
from gen.promo.v1 import back_in_stock_pb2
from gen.promo.v1 import customer_service_pb2 as pb
from promo_svc.api import customer_convert
from promo_svc.app.notices import Notices
from promo_svc.app.purchases import Purchases
from promo_svc.store import events


class CustomerServicer:
    """Thin: holds no rules and no sequence of steps."""

    def __init__(self, purchases: Purchases, notices: Notices) -> None:
        self._purchases = purchases
        self._notices = notices

    async def GetPurchaseHistory(
        self, message: pb.GetPurchaseHistoryRequest, _rpc: Any
    ) -> pb.GetPurchaseHistoryResponse:
        size = message.page_size or DEFAULT_PAGE
        page, token = await self._purchases.history(ids.outside(message.customer_id), size, message.page_token)
        purchases = [customer_convert.purchase_message(purchase) for purchase in page]
        return pb.GetPurchaseHistoryResponse(purchases=purchases, next_page_token=token)

    async def RequestBackInStockNotice(
        self, message: pb.RequestBackInStockNoticeRequest, _rpc: Any
    ) -> pb.RequestBackInStockNoticeResponse:
        request = requests.identify(message)
        kept, replayed = await self._notices.ask(request, customer_convert.new_wish(message))
        notice = back_in_stock_pb2.BackInStockNotice.FromString(kept)
        return pb.RequestBackInStockNoticeResponse(notice=notice, replayed=replayed)

    async def ListBackInStockNotices(
        self, message: pb.ListBackInStockNoticesRequest, _rpc: Any
    ) -> pb.ListBackInStockNoticesResponse:
        size = message.page_size or DEFAULT_PAGE
        page, token = await self._notices.list(ids.outside(message.customer_id), size, message.page_token)
        notices = [events.notice_message(notice) for notice in page]
        return pb.ListBackInStockNoticesResponse(notices=notices, next_page_token=token)

    async def CancelBackInStockNotice(
        self, message: pb.CancelBackInStockNoticeRequest, _rpc: Any
    ) -> pb.CancelBackInStockNoticeResponse:
        request = requests.identify(message)
        cancelled, replayed = await self._notices.cancel(request, ids.outside(message.customer_id), message.sku)
        return pb.CancelBackInStockNoticeResponse(cancelled=cancelled, replayed=replayed)
