"""Clients that never give up: each repeats its request under the same key until there is an answer, during any crash."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

from gen.common.v1.money_pb2 import Money
from gen.promo.v1 import promotion_pb2
from gen.promo.v1 import promotion_service_pb2 as pb
from tests import databases
from tests.demo.outcomes import named_order
from tests.demo.services import call
from tests.demo.shop import Reply
from tests.e2e.product import Product, order

CLIENTS = 16
VISITS = 150
PLENTY = 10_000
SCARCE = 40
"""Units; about 75 are wanted."""
USES = 20
"""Uses of a code that about 37 buyers try."""

OF_A_SKU = """
SELECT o.order_id, o.state, l.quantity, p.status, o.total_minor
  FROM orders o CROSS JOIN LATERAL jsonb_to_recordset(o.lines) AS l (sku text, quantity bigint)
  LEFT JOIN sandbox_payments p USING (order_id) WHERE l.sku = %s"""


@dataclass(frozen=True)
class Sale:
    """One order as stored, and the payment provider's own record of it."""

    order_id: str
    state: str
    quantity: int
    payment: str | None
    total_minor: int


class Crowd:
    """150 orders of two skus from 16 clients: some declined, some with a code, some cancelled afterwards."""

    def __init__(self, product: Product, plenty: str, scarce: str) -> None:
        self.product, self.plenty, self.scarce = product, plenty, scarce
        self.code = f"CODE-{plenty}"
        self.replies: list[Reply] = []
        self.cancelled: dict[str, Reply] = {}
        self.in_the_middle = asyncio.Event()

    @classmethod
    async def gathered(cls, product: Product) -> Crowd:
        """Creates its own goods and code, so that its rows can be told apart from others'."""
        crowd = cls(product, await product.stocked(PLENTY), await product.stocked(SCARCE))
        promotion = promotion_pb2.Promotion(
            promotion_id=crowd.code,
            name="Five off",
            fixed_amount=Money(currency="EUR", amount_minor=500),
            code=crowd.code,
            usage_limit=USES,
        )
        made = pb.CreatePromotionRequest(request_id=crowd.code, promotion=promotion)
        await call(product.services.promotions.CreatePromotion, made)
        active = pb.ActivatePromotionRequest(request_id=f"{crowd.code}:on", promotion_id=crowd.code)
        await call(product.services.promotions.ActivatePromotion, active)
        return crowd

    async def buy(self) -> None:
        """Returns when every request has its answer. `in_the_middle` is set once a third of them have one."""
        visits = iter(range(VISITS))
        await asyncio.gather(*(self._client(visits) for _ in range(CLIENTS)))

    async def _client(self, visits: Iterator[int]) -> None:
        for number in visits:
            key = f"{self.plenty}-{number}"
            sku = self.scarce if number % 2 else self.plenty
            token = {3: "tok_declined", 7: "tok_timeout"}.get(number % 15, "tok_ok")
            codes = [self.code] if number % 4 == 0 else []
            reply = await self.product.patient.post("/v1/orders", order(sku=sku, token=token, codes=codes), key)
            if reply.accepted and number % 12 == 4:
                path = f"/v1/orders/{named_order(reply)}/cancel"
                self.cancelled[named_order(reply)] = await self.product.patient.put(path, {}, key)
            self.replies.append(reply)
            if len(self.replies) >= VISITS // 3:
                self.in_the_middle.set()

    def sales(self, sku: str) -> list[Sale]:
        """All orders of one of its skus."""
        return [Sale(*row) for row in databases.read(self.product.stack.database("orders"), OF_A_SKU, sku)]

    async def uses(self) -> int:
        """How often its code is used, according to promo."""
        answer = await call(
            self.product.services.promotions.GetPromotion, pb.GetPromotionRequest(promotion_id=self.code)
        )
        return int(answer.promotion.used)
