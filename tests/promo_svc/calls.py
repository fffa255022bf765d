"""Short forms of calls to the service, for tests."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from typing import Any

import pytest

from chassis import client
from chassis.errors import ServiceError
from gen.common.v1.money_pb2 import Money
from gen.promo.v1 import promotion_pb2, quote_pb2
from gen.promo.v1 import promotion_service_pb2 as pb
from gen.promo.v1.promotion_service_pb2_grpc import PromotionServiceStub

_numbers = itertools.count(1)
POLL_S = 0.01
TIMEOUT_S = 30.0
"""Races send hundreds of calls at once on a small machine."""


def new_id(prefix: str) -> str:
    """Returns a new id at every call."""
    return f"{prefix}-{next(_numbers)}"


def euros(amount_minor: int) -> Money:
    """An amount in euros."""
    return Money(currency="EUR", amount_minor=amount_minor)


async def created(promo: PromotionServiceStub, **fields: Any) -> promotion_pb2.Promotion:
    """A draft; ten percent unless the fields say otherwise."""
    if "fixed_amount" not in fields:
        fields.setdefault("percent_bps", 1_000)
    message = promotion_pb2.Promotion(**{"promotion_id": new_id("promotion"), "name": "Ten percent", **fields})
    request = pb.CreatePromotionRequest(request_id=new_id("create"), promotion=message)
    answer: pb.CreatePromotionResponse = await client.call(promo.CreatePromotion, request, TIMEOUT_S)
    return answer.promotion


async def active(promo: PromotionServiceStub, **fields: Any) -> str:
    """The id of an active promotion."""
    promotion_id = (await created(promo, **fields)).promotion_id
    request = pb.ActivatePromotionRequest(request_id="r", promotion_id=promotion_id)
    await client.call(promo.ActivatePromotion, request, TIMEOUT_S)
    return promotion_id


async def paused(promo: PromotionServiceStub, promotion_id: str) -> None:
    """Pauses it."""
    request = pb.PausePromotionRequest(request_id="r", promotion_id=promotion_id)
    await client.call(promo.PausePromotion, request, TIMEOUT_S)


async def updated(promo: PromotionServiceStub, promotion_id: str, *mask: str, **fields: Any) -> promotion_pb2.Promotion:
    """Changes the fields, or only those of the mask."""
    request = pb.UpdatePromotionRequest(
        request_id=new_id("update"), promotion=promotion_pb2.Promotion(promotion_id=promotion_id, **fields)
    )
    request.update_mask.paths.extend(mask)
    answer: pb.UpdatePromotionResponse = await client.call(promo.UpdatePromotion, request, TIMEOUT_S)
    return answer.promotion


async def quoted(promo: PromotionServiceStub, *codes: str, **fields: Any) -> quote_pb2.Quote:
    """The quote of an ordinary cart."""
    request = pb.QuotePromotionsRequest(cart=cart(*codes, **fields))
    answer: pb.QuotePromotionsResponse = await client.call(promo.QuotePromotions, request, TIMEOUT_S)
    return answer.quote


def cart(*codes: str, **fields: Any) -> quote_pb2.Cart:
    """Two serums at 10.00, unless the fields say otherwise."""
    lines = [quote_pb2.CartLine(sku="SERUM-30", quantity=2, unit_price_minor=1_000, category="skincare/serum")]
    return quote_pb2.Cart(**{"lines": lines, "currency": "EUR", "codes": codes, **fields})


async def redeemed(
    promo: PromotionServiceStub, redemption_id: str, *promotion_ids: str, customer_id: str = "", ttl_seconds: int = 0
) -> pb.RedeemPromotionsResponse:
    """Claims uses for one order."""
    request = pb.RedeemPromotionsRequest(
        request_id=redemption_id, customer_id=customer_id, promotion_ids=promotion_ids, ttl_seconds=ttl_seconds
    )
    answer: pb.RedeemPromotionsResponse = await client.call(promo.RedeemPromotions, request, TIMEOUT_S)
    return answer


async def committed(promo: PromotionServiceStub, redemption_id: str) -> pb.CommitRedemptionResponse:
    """Commits a redemption."""
    request = pb.CommitRedemptionRequest(redemption_id=redemption_id, request_id="r")
    answer: pb.CommitRedemptionResponse = await client.call(promo.CommitRedemption, request, TIMEOUT_S)
    return answer


async def released(promo: PromotionServiceStub, redemption_id: str) -> pb.ReleaseRedemptionResponse:
    """Releases a redemption."""
    request = pb.ReleaseRedemptionRequest(redemption_id=redemption_id, request_id="r")
    answer: pb.ReleaseRedemptionResponse = await client.call(promo.ReleaseRedemption, request, TIMEOUT_S)
    return answer


async def used(promo: PromotionServiceStub, promotion_id: str) -> int:
    """Uses given minus uses returned."""
    answer: pb.GetPromotionResponse = await client.call(
        promo.GetPromotion, pb.GetPromotionRequest(promotion_id=promotion_id), TIMEOUT_S
    )
    return answer.promotion.used


async def stands_still(sql: Callable[..., list[tuple[Any, ...]]], task: asyncio.Task[Any]) -> None:
    """Returns when a session waits for a lock in the database; fails if the task ends instead."""
    while not sql("SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"):
        assert not task.done(), "it waits for no lock"
        await asyncio.sleep(POLL_S)


async def refused(call: Any) -> ServiceError:
    """The error that the awaitable ends with."""
    with pytest.raises(ServiceError) as caught:
        await call
    return caught.value


async def assert_audit_holds(promo: PromotionServiceStub) -> None:
    """Gate = journal = movements, reserved = the sum of active redemptions."""
    found: pb.AuditUsageResponse = await client.call(promo.AuditUsage, pb.AuditUsageRequest(), TIMEOUT_S)
    assert found.levels > 0
    assert (found.gate_mismatches, found.movement_mismatches, found.redemption_mismatches) == (0, 0, 0), found.examples
