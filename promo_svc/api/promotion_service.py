"""promo.v1.PromotionService: reads the message, calls the use case, returns the response."""

from __future__ import annotations

from typing import Any

from chassis import requests
from chassis.validation import DEFAULT_PAGE
from gen.promo.v1 import promotion_pb2
from gen.promo.v1 import promotion_service_pb2 as pb
from promo_svc.api import batches, convert, quote_convert, redemption_convert
from promo_svc.app.promotions import Promotions
from promo_svc.app.quotes import Quotes
from promo_svc.app.redemptions import Redemptions
from promo_svc.domain.promotion import State
from promo_svc.store import events


class PromotionServicer:
    """Thin: holds no rules and no sequence of steps."""

    def __init__(self, promotions: Promotions, quotes: Quotes, redemptions: Redemptions) -> None:
        self._promotions = promotions
        self._quotes = quotes
        self._redemptions = redemptions

    async def CreatePromotion(self, message: pb.CreatePromotionRequest, _rpc: Any) -> pb.CreatePromotionResponse:
        request = requests.identify(message)
        answer = await self._promotions.create(request, convert.new_promotion(message.promotion))
        promotion = promotion_pb2.Promotion.FromString(answer.promotion)
        return pb.CreatePromotionResponse(promotion=promotion, replayed=answer.replayed)

    async def UpdatePromotion(self, message: pb.UpdatePromotionRequest, _rpc: Any) -> pb.UpdatePromotionResponse:
        request = requests.identify(message)
        promotion_id = convert.promotion_id("promotion.promotion_id", message.promotion.promotion_id)
        changes = convert.changes(message.promotion, message.update_mask.paths)
        answer = await self._promotions.update(request, promotion_id, changes, message.promotion.etag)
        promotion = promotion_pb2.Promotion.FromString(answer.promotion)
        return pb.UpdatePromotionResponse(promotion=promotion, replayed=answer.replayed)

    async def ActivatePromotion(self, message: pb.ActivatePromotionRequest, _rpc: Any) -> pb.ActivatePromotionResponse:
        stored = await self._promotions.move(message.promotion_id, State.ACTIVE)
        return pb.ActivatePromotionResponse(promotion=events.promotion_message(stored))

    async def PausePromotion(self, message: pb.PausePromotionRequest, _rpc: Any) -> pb.PausePromotionResponse:
        stored = await self._promotions.move(message.promotion_id, State.PAUSED)
        return pb.PausePromotionResponse(promotion=events.promotion_message(stored))

    async def GetPromotion(self, message: pb.GetPromotionRequest, _rpc: Any) -> pb.GetPromotionResponse:
        stored = await self._promotions.get(message.promotion_id)
        return pb.GetPromotionResponse(promotion=events.promotion_message(stored))

    async def ListPromotions(self, message: pb.ListPromotionsRequest, _rpc: Any) -> pb.ListPromotionsResponse:
        size = message.page_size or DEFAULT_PAGE
        page, token = await self._promotions.list(size, message.page_token)
        promotions = [events.promotion_message(stored) for stored in page]
        return pb.ListPromotionsResponse(promotions=promotions, next_page_token=token)

    async def QuotePromotions(self, message: pb.QuotePromotionsRequest, _rpc: Any) -> pb.QuotePromotionsResponse:
        quote = await self._quotes.quote(quote_convert.cart(message.cart))
        return pb.QuotePromotionsResponse(quote=quote_convert.quote_message(quote))

    async def RedeemPromotions(self, message: pb.RedeemPromotionsRequest, _rpc: Any) -> pb.RedeemPromotionsResponse:
        redemption, replayed = await self._redemptions.redeem(redemption_convert.order(message))
        return pb.RedeemPromotionsResponse(
            redemption=redemption_convert.redemption_message(redemption), replayed=replayed
        )

    async def CommitRedemption(self, message: pb.CommitRedemptionRequest, _rpc: Any) -> pb.CommitRedemptionResponse:
        redemption, replayed = await self._redemptions.commit(message.redemption_id)
        return pb.CommitRedemptionResponse(
            redemption=redemption_convert.redemption_message(redemption), replayed=replayed
        )

    async def BatchQuotePromotions(
        self, message: pb.BatchQuotePromotionsRequest, _rpc: Any
    ) -> pb.BatchQuotePromotionsResponse:
        carts = [batches.attempt(lambda one: quote_convert.cart(one.cart), one) for one in message.requests]
        quotes = iter(await self._quotes.quote_many([cart for cart in carts if not isinstance(cart, Exception)]))
        results = [
            batches.quote_result(cart if isinstance(cart, Exception) else quote_convert.quote_message(next(quotes)))
            for cart in carts
        ]
        return pb.BatchQuotePromotionsResponse(results=results)

    async def BatchRedeemPromotions(
        self, message: pb.BatchRedeemPromotionsRequest, _rpc: Any
    ) -> pb.BatchRedeemPromotionsResponse:
        results = await batches.redemption_results(message, self.RedeemPromotions)
        return pb.BatchRedeemPromotionsResponse(results=results)

    async def BatchCommitRedemptions(
        self, message: pb.BatchCommitRedemptionsRequest, _rpc: Any
    ) -> pb.BatchCommitRedemptionsResponse:
        results = await batches.redemption_results(message, self.CommitRedemption)
        return pb.BatchCommitRedemptionsResponse(results=results)

    async def ReleaseRedemption(self, message: pb.ReleaseRedemptionRequest, _rpc: Any) -> pb.ReleaseRedemptionResponse:
        redemption, replayed = await self._redemptions.release(message.redemption_id)
        return pb.ReleaseRedemptionResponse(
            redemption=redemption_convert.redemption_message(redemption), replayed=replayed
        )

    async def GetRedemption(self, message: pb.GetRedemptionRequest, _rpc: Any) -> pb.GetRedemptionResponse:
        redemption = await self._redemptions.get(message.redemption_id)
        return pb.GetRedemptionResponse(redemption=redemption_convert.redemption_message(redemption))

    async def BatchGetRedemptions(
        self, message: pb.BatchGetRedemptionsRequest, _rpc: Any
    ) -> pb.BatchGetRedemptionsResponse:
        found = await self._redemptions.get_many(message.redemption_ids)
        return pb.BatchGetRedemptionsResponse(redemptions=map(redemption_convert.redemption_message, found))

    async def AuditUsage(self, _message: pb.AuditUsageRequest, _rpc: Any) -> pb.AuditUsageResponse:
        findings = await self._redemptions.audit()
        return pb.AuditUsageResponse(
            levels=findings.levels,
            gate_mismatches=findings.gate_mismatches,
            movement_mismatches=findings.movement_mismatches,
            redemption_mismatches=findings.reservation_mismatches,
            examples=findings.examples,
        )

    async def GetAuditStatus(self, _message: pb.GetAuditStatusRequest, _rpc: Any) -> pb.GetAuditStatusResponse:
        status = await self._redemptions.audit_status()
        return pb.GetAuditStatusResponse(status=redemption_convert.audit_status_message(status))
