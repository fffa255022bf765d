"""Promotions in this service's words: a quote for a cart, and the one redemption that an order has."""

from __future__ import annotations

from collections.abc import Mapping

import grpc

from gen.promo.v1 import promotion_service_pb2, quote_pb2
from gen.promo.v1.promotion_service_pb2_grpc import PromotionServiceStub
from order_svc.clients.answers import ask, batched
from order_svc.domain.errors import refused
from order_svc.domain.order import Discount, LineDiscount, OrderRequest
from order_svc.domain.pricing import Quote, Skipped, SkuPrice

NAME = "promo"
LIVE = (quote_pb2.Redemption.STATE_ACTIVE, quote_pb2.Redemption.STATE_COMMITTED)


class Promotions:
    """The redemption's id is the order's id, so every call here is safe to repeat."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        stub = self._stub = PromotionServiceStub(channel)
        pb = promotion_service_pb2
        self._quote = batched(
            NAME, stub.QuotePromotions, stub.BatchQuotePromotions, pb.BatchQuotePromotionsRequest, "quote"
        )
        self._redeem = batched(
            NAME, stub.RedeemPromotions, stub.BatchRedeemPromotions, pb.BatchRedeemPromotionsRequest, "redemption"
        )
        self._commit = batched(
            NAME, stub.CommitRedemption, stub.BatchCommitRedemptions, pb.BatchCommitRedemptionsRequest, "redemption"
        )

    async def quote(self, request: OrderRequest, prices: Mapping[str, SkuPrice]) -> Quote:
        """The discounts of a cart; changes nothing."""
        cart = quote_pb2.Cart(
            customer_id=request.customer.id,
            codes=request.codes,
            currency=request.currency,
            channel=request.channel,
        )
        for line in request.lines:
            price = prices[line.sku]
            cart.lines.add(
                sku=line.sku,
                quantity=line.quantity,
                unit_price_minor=price.amount_minor,
                category=price.category,
            )
        return _quote(await self._quote.call(promotion_service_pb2.QuotePromotionsRequest(cart=cart)))

    async def redeem(self, order_id: str, customer_id: str, discounts: tuple[Discount, ...], ttl_s: int) -> None:
        """Claims one use of each promotion, all or none. Raises Refused with USAGE_LIMIT, CUSTOMER_LIMIT and the like."""
        request = promotion_service_pb2.RedeemPromotionsRequest(
            request_id=order_id,
            customer_id=customer_id,
            promotion_ids=[discount.promotion_id for discount in discounts],
            ttl_seconds=ttl_s,
        )
        redemption = await self._redeem.call(request)
        if redemption.state not in LIVE:
            word = quote_pb2.Redemption.State.Name(redemption.state).removeprefix("STATE_")
            message = f"redemption {order_id} is {word}"
            raise refused("FAILED_PRECONDITION", f"REDEMPTION_{word}", message, redemption_id=order_id)

    async def commit(self, order_id: str) -> None:
        """Commits the uses."""
        await self._commit.call(
            promotion_service_pb2.CommitRedemptionRequest(redemption_id=order_id, request_id=order_id)
        )

    async def release(self, order_id: str) -> None:
        """Gives the uses back, also committed ones, or forbids a redemption that has not arrived."""
        request = promotion_service_pb2.ReleaseRedemptionRequest(redemption_id=order_id, request_id=order_id)
        await ask(NAME, self._stub.ReleaseRedemption, request)


def _quote(quote: quote_pb2.Quote) -> Quote:
    return Quote(
        line_discounts=tuple(
            tuple(LineDiscount(each.promotion_id, each.amount_minor) for each in line.discounts) for line in quote.lines
        ),
        applied=tuple(
            Discount(each.promotion_id, each.name, each.code, each.amount.amount_minor) for each in quote.applied
        ),
        skipped=tuple(
            Skipped(
                each.promotion_id,
                each.code,
                quote_pb2.SkippedPromotion.Reason.Name(each.reason).removeprefix("REASON_"),
            )
            for each in quote.skipped
        ),
    )
