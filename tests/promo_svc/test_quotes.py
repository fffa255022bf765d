"""Quotes through the service: recent writes count, and every refusal is explained."""

from __future__ import annotations

from chassis import client
from gen.promo.v1 import promotion_service_pb2 as pb
from gen.promo.v1 import quote_pb2
from gen.promo.v1.promotion_service_pb2_grpc import PromotionServiceStub
from tests.promo_svc import calls

Reason = quote_pb2.SkippedPromotion.Reason


async def test_a_code_takes_its_discount_off_and_says_from_which_line(promo: PromotionServiceStub) -> None:
    promotion_id = await calls.active(promo, code="WELCOME10")
    quote = await calls.quoted(promo, "welcome10")
    assert (quote.subtotal, quote.discount_total, quote.total) == (
        calls.euros(2_000),
        calls.euros(200),
        calls.euros(1_800),
    )
    (applied,) = quote.applied
    assert (applied.promotion_id, applied.code, applied.amount) == (promotion_id, "WELCOME10", calls.euros(200))
    (line,) = quote.lines
    assert (line.subtotal_minor, line.total_minor) == (2_000, 1_800)
    assert [(part.promotion_id, part.amount_minor) for part in line.discounts] == [(promotion_id, 200)]


async def test_a_quote_sees_every_write_at_once(promo: PromotionServiceStub) -> None:
    promotion_id = (await calls.created(promo, code="AT-ONCE")).promotion_id
    quote = await calls.quoted(promo, "AT-ONCE")
    assert quote.skipped[0].reason == Reason.REASON_PAUSED
    await calls.updated(promo, promotion_id, percent_bps=5_000)
    assert not (await calls.quoted(promo, "AT-ONCE")).applied
    await calls.active(promo, code="AT-ONCE-2")
    assert (await calls.quoted(promo, "AT-ONCE-2")).applied
    await calls.updated(promo, promotion_id, code="AT-ONCE-3")
    assert (await calls.quoted(promo, "AT-ONCE")).skipped[0].reason == Reason.REASON_CODE_UNKNOWN


async def test_an_unfulfilled_minimum_is_told_in_money(promo: PromotionServiceStub) -> None:
    promotion_id = await calls.active(promo, code="OVER30", minimum_amount=calls.euros(3_000))
    (skipped,) = (await calls.quoted(promo, "OVER30")).skipped
    assert skipped == quote_pb2.SkippedPromotion(
        promotion_id=promotion_id,
        code="OVER30",
        reason=Reason.REASON_CONDITION_FAILED,
        node="minimum_amount",
        have="EUR 20.00",
        want="EUR 30.00",
    )


async def test_used_up_promotions_are_told_before_the_order(promo: PromotionServiceStub) -> None:
    promotion_id = await calls.active(promo, code="LIMITED", usage_limit=2, customer_limit=1)
    assert (await calls.quoted(promo, "LIMITED")).skipped[0].reason == Reason.REASON_CUSTOMER_LIMIT
    await calls.redeemed(promo, calls.new_id("order"), promotion_id, customer_id="c1")
    skipped = (await calls.quoted(promo, "LIMITED", customer_id="c1")).skipped[0]
    assert (skipped.reason, skipped.have, skipped.want) == (Reason.REASON_CUSTOMER_LIMIT, "1 used", "fewer than 1")
    assert (await calls.quoted(promo, "LIMITED", customer_id="c2")).applied
    await calls.redeemed(promo, calls.new_id("order"), promotion_id, customer_id="c2")
    assert (await calls.quoted(promo, "LIMITED", customer_id="c3")).skipped[0].reason == Reason.REASON_USAGE_LIMIT


async def test_an_automatic_promotion_needs_no_code_until_it_is_paused(promo: PromotionServiceStub) -> None:
    promotion_id = await calls.active(promo, channels=["kiosk"], fixed_amount=calls.euros(300))
    assert (await calls.quoted(promo, channel="kiosk")).total.amount_minor == 1_700
    web = await calls.quoted(promo, channel="web")
    assert [(skip.promotion_id, skip.node, skip.have, skip.want) for skip in web.skipped] == [
        (promotion_id, "channels", "web", "kiosk")
    ]
    await calls.paused(promo, promotion_id)
    assert (await calls.quoted(promo, channel="kiosk")).total.amount_minor == 2_000


async def test_a_batch_of_carts_is_quoted_each_by_itself(promo: PromotionServiceStub) -> None:
    promotion_id = await calls.active(promo, code="BATCHED", customer_limit=1)
    await calls.redeemed(promo, calls.new_id("order"), promotion_id, customer_id="c1")
    carts = [calls.cart("BATCHED", customer_id="c1"), quote_pb2.Cart(), calls.cart("BATCHED", customer_id="c2")]
    requests = [pb.QuotePromotionsRequest(cart=cart) for cart in carts]
    answer = await client.call(promo.BatchQuotePromotions, pb.BatchQuotePromotionsRequest(requests=requests))
    first, malformed, last = answer.results
    assert first.quote.skipped[0].reason == Reason.REASON_CUSTOMER_LIMIT
    assert malformed.reason == "FIELD_REQUIRED"
    assert last.quote.applied[0].promotion_id == promotion_id
