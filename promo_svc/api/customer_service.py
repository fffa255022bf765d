"""promo.v1.CustomerService: checks the message, calls the use case, answers."""

from __future__ import annotations

from typing import Any

from chassis import validation
from gen.promo.v1 import customer_service_pb2 as pb
from promo_svc.api import customer_convert
from promo_svc.app.purchases import Purchases


class CustomerServicer:
    """Thin: no rule, no order of steps."""

    def __init__(self, purchases: Purchases) -> None:
        self._purchases = purchases

    async def GetPurchaseHistory(
        self, message: pb.GetPurchaseHistoryRequest, _rpc: Any
    ) -> pb.GetPurchaseHistoryResponse:
        customer_id = customer_convert.customer_id(message.customer_id)
        size = validation.page_size(message.page_size)
        page, token = await self._purchases.history(customer_id, size, message.page_token)
        purchases = [customer_convert.purchase_message(purchase) for purchase in page]
        return pb.GetPurchaseHistoryResponse(purchases=purchases, next_page_token=token)
