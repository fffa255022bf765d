"""Redemptions through the service: all counters in one step, each state, and the answers to repeats."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc
import pytest

from chassis import client
from chassis.gate.auditor import Auditor
from gen.promo.v1 import promotion_service_pb2 as pb
from gen.promo.v1 import quote_pb2
from gen.promo.v1.promotion_service_pb2_grpc import PromotionServiceStub
from promo_svc.__main__ import Promo
from tests.chassis.gate.auditing import Watch
from tests.promo_svc import calls

State = quote_pb2.Redemption.State
Sql = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture(autouse=True)
async def audited(promo: PromotionServiceStub) -> Any:
    """After every test gate, journal and movements agree."""
    yield
    await calls.assert_audit_holds(promo)


async def test_a_redemption_claims_one_use_of_each_promotion(promo: PromotionServiceStub) -> None:
    limited = await calls.active(promo, usage_limit=5)
    unlimited = await calls.active(promo)
    order = calls.new_id("order")
    answer = await calls.redeemed(promo, order, limited, unlimited, customer_id="c1", ttl_seconds=60)
    redemption = answer.redemption
    assert (redemption.redemption_id, redemption.state, redemption.customer_id) == (order, State.STATE_ACTIVE, "c1")
    assert list(redemption.promotion_ids) == [limited, unlimited]
    assert redemption.expire_time.seconds - redemption.create_time.seconds == 60
    assert [await calls.used(promo, each) for each in (limited, unlimited)] == [1, 1]
    read = await client.call(promo.GetRedemption, pb.GetRedemptionRequest(redemption_id=order))
    assert read.redemption == redemption


async def test_all_or_nothing_when_one_promotion_is_used_up(promo: PromotionServiceStub) -> None:
    free, full = await calls.active(promo, usage_limit=5), await calls.active(promo, usage_limit=1)
    await calls.redeemed(promo, calls.new_id("order"), full)
    error = await calls.refused(calls.redeemed(promo, calls.new_id("order"), free, full))
    assert (error.code, error.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "USAGE_LIMIT")
    assert dict(error.metadata) == {"promotion_id": full, "limit": "1"}
    assert await calls.used(promo, free) == 0


async def test_a_batch_of_redemptions_and_of_commits_answers_each_by_itself(promo: PromotionServiceStub) -> None:
    single = await calls.active(promo, usage_limit=1)
    orders = [calls.new_id("order") for _ in range(2)]
    wanted = [pb.RedeemPromotionsRequest(request_id=each, promotion_ids=[single]) for each in (orders[0], "not ok")]
    first = await client.call(promo.BatchRedeemPromotions, pb.BatchRedeemPromotionsRequest(requests=wanted))
    assert [result.reason for result in first.results] == ["", "FIELD_INVALID"]
    late = [pb.RedeemPromotionsRequest(request_id=each, promotion_ids=[single]) for each in orders]
    second = await client.call(promo.BatchRedeemPromotions, pb.BatchRedeemPromotionsRequest(requests=late))
    assert [(result.replayed, result.reason) for result in second.results] == [(True, ""), (False, "USAGE_LIMIT")]
    commits = [pb.CommitRedemptionRequest(redemption_id=each) for each in orders]
    done = await client.call(promo.BatchCommitRedemptions, pb.BatchCommitRedemptionsRequest(requests=commits))
    assert [result.reason for result in done.results] == ["", "REDEMPTION_NOT_FOUND"]
    assert done.results[0].redemption.state == State.STATE_COMMITTED


async def test_a_customer_has_a_limit_of_their_own(promo: PromotionServiceStub) -> None:
    promotion_id = await calls.active(promo, customer_limit=1)
    await calls.redeemed(promo, calls.new_id("order"), promotion_id, customer_id="c1")
    error = await calls.refused(calls.redeemed(promo, calls.new_id("order"), promotion_id, customer_id="c1"))
    assert (error.code, error.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "CUSTOMER_LIMIT")
    assert dict(error.metadata) == {"promotion_id": promotion_id, "customer_id": "c1", "limit": "1"}
    await calls.redeemed(promo, calls.new_id("order"), promotion_id, customer_id="c2")
    error = await calls.refused(calls.redeemed(promo, calls.new_id("order"), promotion_id))
    assert (error.reason, error.metadata["customer_id"]) == ("CUSTOMER_LIMIT", "")
    assert await calls.used(promo, promotion_id) == 2


async def test_a_customer_whose_id_is_composed_otherwise_is_the_same_customer(promo: PromotionServiceStub) -> None:
    promotion_id = await calls.active(promo, customer_limit=1)
    await calls.redeemed(promo, calls.new_id("order"), promotion_id, customer_id="ren\u00e9")
    error = await calls.refused(calls.redeemed(promo, calls.new_id("order"), promotion_id, customer_id="rene\u0301"))
    assert error.reason == "CUSTOMER_LIMIT"


async def test_a_customer_may_have_any_id_of_their_channel(promo: PromotionServiceStub) -> None:
    promotion_id = await calls.active(promo, code="ANY-ID", customer_limit=1)
    for customer_id in ("gid://shop/Customer/7", "anna@example.com", "Jürgen 'ß' \\ {1}"):
        order = calls.new_id("order")
        redemption = (await calls.redeemed(promo, order, promotion_id, customer_id=customer_id)).redemption
        assert (redemption.customer_id, list(redemption.promotion_ids)) == (customer_id, [promotion_id])
        again = calls.redeemed(promo, calls.new_id("order"), promotion_id, customer_id=customer_id)
        assert (await calls.refused(again)).reason == "CUSTOMER_LIMIT"
        quote = await calls.quoted(promo, "ANY-ID", customer_id=customer_id)
        assert [skip.reason for skip in quote.skipped if skip.code] == [
            quote_pb2.SkippedPromotion.REASON_CUSTOMER_LIMIT
        ]


async def test_a_repeat_is_the_same_redemption_also_when_nothing_is_left(promo: PromotionServiceStub) -> None:
    promotion_id = await calls.active(promo, usage_limit=1, customer_limit=1)
    order = calls.new_id("order")
    first = await calls.redeemed(promo, order, promotion_id, customer_id="c1")
    again = await calls.redeemed(promo, order, promotion_id, customer_id="c1")
    assert (first.replayed, again.replayed, again.redemption) == (False, True, first.redemption)
    await calls.committed(promo, order)
    again = await calls.redeemed(promo, order, promotion_id, customer_id="c1")
    assert (again.replayed, again.redemption.state) == (True, State.STATE_COMMITTED)
    await calls.paused(promo, promotion_id)
    assert (await calls.redeemed(promo, order, promotion_id, customer_id="c1")).replayed
    assert await calls.used(promo, promotion_id) == 1


async def test_an_id_stays_with_its_body(promo: PromotionServiceStub) -> None:
    one, two = await calls.active(promo), await calls.active(promo)
    order = calls.new_id("order")
    await calls.redeemed(promo, order, one)
    assert (await calls.refused(calls.redeemed(promo, order, two))).reason == "REQUEST_ID_REUSED"
    assert (await calls.refused(calls.redeemed(promo, order, one, customer_id="c9"))).reason == "REQUEST_ID_REUSED"
    await calls.committed(promo, order)
    assert (await calls.refused(calls.redeemed(promo, order, two))).reason == "REQUEST_ID_REUSED"
    assert await calls.used(promo, two) == 0


async def test_a_promotion_that_is_not_given_now_is_not_redeemed(promo: PromotionServiceStub) -> None:
    held_back = await calls.active(promo)
    await calls.paused(promo, held_back)
    draft = (await calls.created(promo)).promotion_id
    for promotion_id, status in ((held_back, "PAUSED"), (draft, "DRAFT"), ("nobody", "UNKNOWN")):
        error = await calls.refused(calls.redeemed(promo, calls.new_id("order"), promotion_id))
        assert (error.code, error.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "PROMOTION_NOT_APPLICABLE")
        assert dict(error.metadata) == {"promotion_id": promotion_id, "status": status}


async def test_released_uses_come_back(promo: PromotionServiceStub) -> None:
    promotion_id = await calls.active(promo, usage_limit=1, customer_limit=1)
    order = calls.new_id("order")
    await calls.redeemed(promo, order, promotion_id, customer_id="c1")
    first, again = await calls.released(promo, order), await calls.released(promo, order)
    assert (first.replayed, first.redemption.state) == (False, State.STATE_RELEASED)
    assert (again.replayed, again.redemption) == (True, first.redemption)
    assert (await calls.refused(calls.committed(promo, order))).reason == "REDEMPTION_RELEASED"
    repeat = calls.redeemed(promo, order, promotion_id, customer_id="c1")
    assert (await calls.refused(repeat)).reason == "REDEMPTION_RELEASED"
    await calls.redeemed(promo, calls.new_id("order"), promotion_id, customer_id="c1")


async def test_a_cancelled_order_gives_its_committed_uses_back_once(promo: PromotionServiceStub, sql: Sql) -> None:
    promotion_id = await calls.active(promo, usage_limit=1, customer_limit=1)
    order = calls.new_id("order")
    await calls.redeemed(promo, order, promotion_id, customer_id="c1")
    assert not (await calls.committed(promo, order)).replayed
    assert (await calls.committed(promo, order)).replayed
    first, again = await calls.released(promo, order), await calls.released(promo, order)
    assert (first.replayed, first.redemption.state) == (False, State.STATE_CANCELLED)
    assert (again.replayed, again.redemption.state) == (True, State.STATE_CANCELLED)
    assert await calls.used(promo, promotion_id) == 0
    assert (await calls.refused(calls.committed(promo, order))).reason == "REDEMPTION_RELEASED"
    await calls.redeemed(promo, calls.new_id("order"), promotion_id, customer_id="c1")
    events = sql("SELECT type, payload FROM outbox WHERE key = %s ORDER BY id", order)
    assert [row[0].rsplit(".", 1)[1] for row in events] == ["created", "committed", "cancelled"]
    assert events[2][1]["redemption"]["promotion_ids"] == [promotion_id]


async def test_a_release_before_the_redemption_forbids_it(promo: PromotionServiceStub) -> None:
    promotion_id = await calls.active(promo, usage_limit=1)
    order = calls.new_id("order")
    assert (await calls.released(promo, order)).redemption.state == State.STATE_ABORTED
    error = await calls.refused(calls.redeemed(promo, order, promotion_id))
    assert (error.code, error.reason) == (grpc.StatusCode.ABORTED, "REDEMPTION_ABORTED")
    assert await calls.used(promo, promotion_id) == 0


async def test_an_unknown_redemption_is_not_found(promo: PromotionServiceStub) -> None:
    request = pb.GetRedemptionRequest(redemption_id="nobody")
    for call in (calls.committed(promo, "nobody"), client.call(promo.GetRedemption, request)):
        error = await calls.refused(call)
        assert (error.code, error.reason) == (grpc.StatusCode.NOT_FOUND, "REDEMPTION_NOT_FOUND")


async def test_a_lapsed_redemption_expires_and_its_uses_come_back(
    promo: PromotionServiceStub, process: Promo, sql: Sql
) -> None:
    promotion_id = await calls.active(promo, usage_limit=1)
    order = calls.new_id("order")
    await calls.redeemed(promo, order, promotion_id, ttl_seconds=1)
    sql("UPDATE redemptions SET expires_at = now() - interval '1 minute' WHERE id = %s RETURNING id", order)
    await process.partition.sweeper.expire_once()
    assert (await calls.refused(calls.committed(promo, order))).reason == "REDEMPTION_EXPIRED"
    assert await calls.used(promo, promotion_id) == 0
    await calls.redeemed(promo, calls.new_id("order"), promotion_id)


async def test_a_total_limit_moves_both_ways_but_not_below_the_uses(promo: PromotionServiceStub) -> None:
    promotion_id = await calls.active(promo, usage_limit=1)
    await calls.redeemed(promo, calls.new_id("order"), promotion_id)
    await calls.updated(promo, promotion_id, usage_limit=2)
    await calls.redeemed(promo, calls.new_id("order"), promotion_id)
    error = await calls.refused(calls.updated(promo, promotion_id, usage_limit=1))
    assert (error.code, error.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "LIMIT_BELOW_USED")
    assert (error.metadata["used"], error.metadata["limit"]) == ("2", "1")
    await calls.updated(promo, promotion_id, "usage_limit")
    await calls.redeemed(promo, calls.new_id("order"), promotion_id)
    assert (await calls.updated(promo, promotion_id, usage_limit=3)).used == 3
    assert (await calls.refused(calls.redeemed(promo, calls.new_id("order"), promotion_id))).reason == "USAGE_LIMIT"


async def test_a_customer_limit_moves_both_ways(promo: PromotionServiceStub) -> None:
    promotion_id = await calls.active(promo, customer_limit=1)
    await calls.redeemed(promo, calls.new_id("order"), promotion_id, customer_id="c1")
    await calls.updated(promo, promotion_id, customer_limit=2)
    await calls.redeemed(promo, calls.new_id("order"), promotion_id, customer_id="c1")
    await calls.updated(promo, promotion_id, customer_limit=1)
    error = await calls.refused(calls.redeemed(promo, calls.new_id("order"), promotion_id, customer_id="c1"))
    assert (error.reason, error.metadata["limit"]) == ("CUSTOMER_LIMIT", "1")


async def test_a_lost_gate_is_rebuilt_from_the_journal(promo: PromotionServiceStub, process: Promo) -> None:
    promotion_id = await calls.active(promo, usage_limit=2, customer_limit=1)
    order = calls.new_id("order")
    await calls.redeemed(promo, order, promotion_id, customer_id="c1")
    await process.gate_client.flushdb()
    assert (await calls.redeemed(promo, order, promotion_id, customer_id="c1")).replayed
    await calls.redeemed(promo, calls.new_id("order"), promotion_id, customer_id="c2")
    error = await calls.refused(calls.redeemed(promo, calls.new_id("order"), promotion_id, customer_id="c3"))
    assert error.reason == "USAGE_LIMIT"


async def test_a_level_that_the_gate_was_not_told_of_is_told_at_first_use(
    promo: PromotionServiceStub, process: Promo, sql: Sql
) -> None:
    """Another process created the promotion and died, or waits, between its commit and the gate."""
    promotion_id = await calls.active(promo, usage_limit=3)
    epoch = process.partition.epochs.current
    await process.gate_client.hdel(f"{{pro:0}}:{epoch}:available", promotion_id)
    sql(
        "INSERT INTO gate_adjustments (partition, epoch, key, delta) VALUES (0, %s, %s, 3) RETURNING id",
        epoch,
        promotion_id,
    )
    assert not (await calls.redeemed(promo, calls.new_id("order"), promotion_id)).replayed


async def test_the_always_on_audit_walks_the_levels_of_uses(
    promo: PromotionServiceStub, process: Promo, sql: Sql
) -> None:
    promotion = await calls.active(promo, usage_limit=3)
    await calls.redeemed(promo, calls.new_id("order"), promotion)
    watch, parts = Watch(), process.partition
    audit = Auditor(
        parts.auditor._journal, parts.gate, parts.auditor._pages, parts.epochs, "promo.audit", watch.world()
    )
    sql("UPDATE audits SET updated_at = updated_at - interval '1 minute' RETURNING 1")
    for _ in range(12):
        watch.passed_ms += 10_000
        await audit.run_once()
    status = (await client.call(promo.GetAuditStatus, pb.GetAuditStatusRequest(), calls.TIMEOUT_S)).status
    assert status.levels > 0
    assert (status.drift_up_units, status.drift_down_units, status.repairs, status.journal_mismatches) == (0, 0, 0, 0)


async def test_many_redemptions_are_read_at_once(promo: PromotionServiceStub) -> None:
    promotion = await calls.active(promo)
    first, second = calls.new_id("order"), calls.new_id("order")
    for order in (first, second):
        await calls.redeemed(promo, order, promotion)
    request = pb.BatchGetRedemptionsRequest(redemption_ids=[first, "nobody", second, first])
    answer: pb.BatchGetRedemptionsResponse = await client.call(promo.BatchGetRedemptions, request)
    assert sorted(one.redemption_id for one in answer.redemptions) == sorted([first, second])
    assert {one.state for one in answer.redemptions} == {State.STATE_ACTIVE}


async def test_reading_many_redemptions_refuses_none_and_too_many(promo: PromotionServiceStub) -> None:
    for ids in ([], ["r"] * 501):
        request = pb.BatchGetRedemptionsRequest(redemption_ids=ids)
        error = await calls.refused(client.call(promo.BatchGetRedemptions, request))
        assert error.metadata["field"] == "redemption_ids"
