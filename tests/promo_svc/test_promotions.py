"""Promotions through the service: creation, changes, activation, pause, lists, events."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc

from chassis import client
from gen.promo.v1 import promotion_pb2
from gen.promo.v1 import promotion_service_pb2 as pb
from gen.promo.v1.promotion_service_pb2_grpc import PromotionServiceStub
from tests.promo_svc import calls

State = promotion_pb2.Promotion.State
Sql = Callable[..., list[tuple[Any, ...]]]


async def test_a_promotion_is_made_as_a_draft_with_every_field(promo: PromotionServiceStub) -> None:
    asked = promotion_pb2.Promotion(
        promotion_id="everything", name="All rules", code="all-Rules", fixed_amount=calls.euros(500), usage_limit=9,
        customer_limit=2, skus=["A", "B", "A"], categories=["skincare"], minimum_amount=calls.euros(2_000),
        channels=["web"], priority=7, exclusive=True,
    )  # fmt: skip
    asked.start_time.FromJsonString("2026-01-01T00:00:00Z")
    asked.end_time.FromJsonString("2027-01-01T00:00:00Z")
    request = pb.CreatePromotionRequest(request_id="make-everything", promotion=asked)
    answer = (await client.call(promo.CreatePromotion, request)).promotion
    assert (answer.state, answer.code, list(answer.skus)) == (State.STATE_DRAFT, "ALL-RULES", ["A", "B"])
    for field in ("fixed_amount", "minimum_amount", "start_time", "end_time", "usage_limit", "priority", "exclusive"):
        assert getattr(answer, field) == getattr(asked, field)
    read = await client.call(promo.GetPromotion, pb.GetPromotionRequest(promotion_id="everything"))
    assert read.promotion == answer


async def test_a_repeat_answers_as_the_first_did(promo: PromotionServiceStub) -> None:
    promotion = promotion_pb2.Promotion(promotion_id="once", name="Once", percent_bps=100)
    request = pb.CreatePromotionRequest(request_id="create-once", promotion=promotion)
    first = await client.call(promo.CreatePromotion, request)
    await calls.updated(promo, "once", name="Twice")
    again = await client.call(promo.CreatePromotion, request)
    assert (first.replayed, again.replayed) == (False, True)
    assert again.promotion == first.promotion
    request.promotion.name = "Other"
    assert (await calls.refused(client.call(promo.CreatePromotion, request))).reason == "REQUEST_ID_REUSED"


async def test_ids_and_codes_belong_to_one_promotion(promo: PromotionServiceStub) -> None:
    await calls.created(promo, promotion_id="taken", code="TAKEN")
    error = await calls.refused(calls.created(promo, promotion_id="taken"))
    assert (error.code, error.reason) == (grpc.StatusCode.ALREADY_EXISTS, "PROMOTION_TAKEN")
    error = await calls.refused(calls.created(promo, code="taken"))
    assert (error.code, error.reason, dict(error.metadata)) == (
        grpc.StatusCode.ALREADY_EXISTS,
        "CODE_TAKEN",
        {"code": "TAKEN"},
    )
    other = await calls.created(promo)
    assert (await calls.refused(calls.updated(promo, other.promotion_id, code="TAKEN"))).reason == "CODE_TAKEN"


async def test_an_update_changes_what_the_mask_names_and_only_that(promo: PromotionServiceStub) -> None:
    made = await calls.created(promo, code="MASKED", priority=3, minimum_amount=calls.euros(100))
    after = await calls.updated(promo, made.promotion_id, "code", "minimum_amount", priority=9)
    assert (after.code, after.HasField("minimum_amount"), after.priority) == ("", False, 3)
    after = await calls.updated(promo, made.promotion_id, fixed_amount=calls.euros(250))
    assert (after.WhichOneof("discount"), after.fixed_amount.amount_minor) == ("fixed_amount", 250)
    assert after.name == made.name


async def test_a_stale_etag_is_refused(promo: PromotionServiceStub) -> None:
    made = await calls.created(promo)
    await calls.updated(promo, made.promotion_id, name="Newer", etag=made.etag)
    error = await calls.refused(calls.updated(promo, made.promotion_id, name="Older", etag=made.etag))
    assert (error.code, error.reason) == (grpc.StatusCode.ABORTED, "VERSION_STALE")
    assert dict(error.metadata) == {"expected": "1", "actual": "2"}


async def test_states_change_only_as_the_table_says(promo: PromotionServiceStub) -> None:
    promotion_id = (await calls.created(promo)).promotion_id
    error = await calls.refused(calls.paused(promo, promotion_id))
    assert (error.code, error.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "STATE_FORBIDS")
    activate = pb.ActivatePromotionRequest(request_id="a", promotion_id=promotion_id)
    first = (await client.call(promo.ActivatePromotion, activate)).promotion
    again = (await client.call(promo.ActivatePromotion, activate)).promotion
    assert first.state == State.STATE_ACTIVE
    assert first == again
    await calls.paused(promo, promotion_id)
    assert (await client.call(promo.ActivatePromotion, activate)).promotion.state == State.STATE_ACTIVE


async def test_what_does_not_exist_is_not_found(promo: PromotionServiceStub) -> None:
    for call in (
        client.call(promo.GetPromotion, pb.GetPromotionRequest(promotion_id="nobody")),
        client.call(promo.ActivatePromotion, pb.ActivatePromotionRequest(promotion_id="nobody")),
        calls.updated(promo, "nobody", name="Name"),
    ):
        error = await calls.refused(call)
        assert (error.code, error.reason) == (grpc.StatusCode.NOT_FOUND, "PROMOTION_NOT_FOUND")


async def test_a_list_gives_every_promotion_once(promo: PromotionServiceStub) -> None:
    made = {(await calls.created(promo)).promotion_id for _ in range(5)}
    seen: list[str] = []
    request = pb.ListPromotionsRequest(page_size=2)
    while True:
        page = await client.call(promo.ListPromotions, request)
        seen += [promotion.promotion_id for promotion in page.promotions]
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
    assert made <= set(seen)
    assert seen == sorted(set(seen))
    request.page_token = "bogus"
    assert (await calls.refused(client.call(promo.ListPromotions, request))).reason == "PAGE_TOKEN_INVALID"


async def test_every_change_has_exactly_one_event(promo: PromotionServiceStub, sql: Sql) -> None:
    promotion_id = await calls.active(promo)
    await calls.updated(promo, promotion_id, name="Changed")
    rows = sql("SELECT type, payload FROM outbox WHERE key = %s ORDER BY id", promotion_id)
    assert [row[0] for row in rows] == ["promo.promotion.changed"] * 3
    assert [row[1]["promotion"]["state"] for row in rows] == ["STATE_DRAFT", "STATE_ACTIVE", "STATE_ACTIVE"]
    assert rows[2][1]["promotion"]["name"] == "Changed"
