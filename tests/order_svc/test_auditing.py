"""The audit across services: contradictions are found by two checks, reported once, and repaired by one call."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import grpc
import pytest

from chassis import client
from chassis.errors import ServiceError
from gen.inventory.v1 import reservation_pb2
from gen.order.v1 import audit_pb2
from gen.order.v1 import audit_service_pb2 as pb
from order_svc.app import auditing
from order_svc.domain.order import PaymentStatus
from order_svc.store.sandbox_payments import SandboxPayments
from tests.order_svc import far_side
from tests.order_svc.shop import Shop, new_id

Finding = audit_pb2.AuditFinding
OPEN, REPAIRED, GONE = Finding.STATE_OPEN, Finding.STATE_REPAIRED, Finding.STATE_GONE


@pytest.fixture(autouse=True)
def an_hour_later(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Orders of these tests count as idle; a second check follows immediately."""
    shop.clock.ahead = timedelta(hours=1)
    monkeypatch.setattr(auditing, "SECOND_LOOK_S", 0.0)


async def bought(shop: Shop, **fields: Any) -> str:
    """A confirmed, idle order: its id."""
    shop.clock.ahead = timedelta(0)
    answer = await shop.place(**fields)
    shop.clock.ahead = timedelta(hours=1)
    return str(answer.order.order_id)


async def cancelled(shop: Shop, **fields: Any) -> str:
    """An order that was then cancelled: its id."""
    order_id = await bought(shop, **fields)
    shop.clock.ahead = timedelta(0)
    await shop.cancel(order_id)
    shop.clock.ahead = timedelta(hours=1)
    return order_id


async def audited(shop: Shop, order_id: str = "", page_size: int = 0) -> list[Finding]:
    """RunAudit for all orders, or for one."""
    found: list[Finding] = []
    token = ""
    while True:
        request = pb.RunAuditRequest(order_id=order_id, page_token=token, page_size=page_size)
        answer = await client.call(shop.audits.RunAudit, request)
        found += answer.findings
        token = answer.next_page_token
        if not token:
            return found


async def repaired(shop: Shop, finding: Finding) -> Finding:
    request = pb.RepairAuditFindingRequest(request_id=new_id(), finding_id=finding.finding_id)
    answer = await client.call(shop.audits.RepairAuditFinding, request)
    after: Finding = answer.finding
    return after


async def told(shop: Shop) -> list[str]:
    """Events of the audit, oldest first."""
    rows = await shop.rows("SELECT type FROM outbox WHERE type LIKE 'order.audit.%%' ORDER BY id")
    return [str(row[0]).removeprefix("order.audit.finding_") for row in rows]


async def test_a_sound_shop_has_no_findings(shop: Shop) -> None:
    for _ in range(3):
        await bought(shop, codes=["TEN"])
    await cancelled(shop)
    with pytest.raises(ServiceError):
        await bought(shop, token="tok_declined")
    assert await audited(shop, page_size=2) == []
    assert await told(shop) == []


async def test_a_confirmed_order_without_reservation_gets_its_goods_again(shop: Shop) -> None:
    order_id = await bought(shop)
    del shop.inventory.reservations[order_id]
    [finding] = await audited(shop)
    assert (finding.kind, finding.state, finding.order_id) == (Finding.KIND_RESERVATION_MISSING, OPEN, order_id)
    after = await repaired(shop, finding)
    assert after.state == REPAIRED, after
    assert shop.inventory.reservations[order_id].state == far_side.COMMITTED
    assert await audited(shop) == []
    assert await told(shop) == ["reported", "repaired"]
    await shop.audit()


async def test_one_whose_goods_are_sold_to_others_is_cancelled_and_its_money_given_back(shop: Shop) -> None:
    order_id = await bought(shop)
    del shop.inventory.reservations[order_id]
    shop.inventory.stock["SERUM"] = 1
    [finding] = await audited(shop)
    after = await repaired(shop, finding)
    assert after.state == REPAIRED, after
    assert "INSUFFICIENT_STOCK" in after.repair_outcome
    assert (await shop.rows("SELECT state, payment_status FROM orders")) == [("CANCELLED", "VOIDED")]
    await shop.audit()


@pytest.mark.parametrize("state", [far_side.RELEASED, far_side.EXPIRED, far_side.ABORTED])
async def test_one_whose_reservation_ended_is_cancelled(shop: Shop, state: Any) -> None:
    order_id = await bought(shop)
    shop.inventory.reservations[order_id].state = state
    [finding] = await audited(shop)
    assert finding.kind == Finding.KIND_RESERVATION_NOT_COMMITTED
    assert (await repaired(shop, finding)).state == REPAIRED
    assert (await shop.rows("SELECT state FROM orders")) == [("CANCELLED",)]


async def test_one_whose_reservation_is_still_active_is_committed(shop: Shop) -> None:
    order_id = await bought(shop)
    shop.inventory.reservations[order_id].state = far_side.ACTIVE
    [finding] = await audited(shop)
    assert (await repaired(shop, finding)).state == REPAIRED
    assert shop.inventory.reservations[order_id].state == far_side.COMMITTED


async def test_goods_that_were_given_back_behind_the_order_cancel_it(shop: Shop) -> None:
    order_id = await bought(shop)
    shop.inventory.give_back(order_id, "SERUM", 2)
    [finding] = await audited(shop)
    assert finding.kind == Finding.KIND_GOODS_GIVEN_BACK
    assert (await repaired(shop, finding)).state == REPAIRED
    assert (await shop.rows("SELECT state, payment_status FROM orders")) == [("CANCELLED", "VOIDED")]
    await shop.audit()


async def test_a_reservation_whose_order_is_lost_goes_back_to_stock(shop: Shop) -> None:
    order_id = await bought(shop)
    await shop.execute("DELETE FROM orders")
    [finding] = await audited(shop)
    assert (finding.kind, finding.order_id) == (Finding.KIND_RESERVATION_WITHOUT_ORDER, order_id)
    assert shop.inventory.held("SERUM") == 2
    assert (await repaired(shop, finding)).state == REPAIRED
    assert shop.inventory.held("SERUM") == 0


async def test_goods_money_and_uses_of_a_cancelled_order_are_each_found_and_given_back(shop: Shop) -> None:
    order_id = await cancelled(shop, codes=["TEN"])
    shop.inventory.reservations[order_id].CopyFrom(
        reservation_pb2.Reservation(
            reservation_id=order_id,
            state=far_side.COMMITTED,
            owner=f"order:{order_id}",
            lines=[reservation_pb2.ReservationLine(sku="SERUM", location="berlin", quantity=2)],
        )
    )
    shop.inventory.cancels.clear()
    shop.promotions.redemptions[order_id].state = far_side.Uses.STATE_COMMITTED
    await shop.execute("UPDATE sandbox_payments SET status = 'AUTHORIZED'")
    found = await audited(shop, order_id)
    kinds = [Finding.Kind.Name(one.kind).removeprefix("KIND_") for one in found]
    assert kinds == ["MONEY_LEFT", "REDEMPTION_LEFT", "RESERVATION_LEFT"]
    for finding in found:
        after = await repaired(shop, finding)
        assert after.state == REPAIRED, after
    assert shop.inventory.held("SERUM") == 0
    assert shop.promotions.used("TEN") == 0
    assert (await shop.rows("SELECT status FROM sandbox_payments")) == [("VOIDED",)]


async def test_a_confirmed_order_whose_money_is_not_held_is_cancelled(shop: Shop) -> None:
    order_id = await bought(shop)
    await SandboxPayments(shop.db).turn(f"{order_id}:pay", (PaymentStatus.AUTHORIZED,), PaymentStatus.VOIDED)
    [finding] = await audited(shop)
    assert finding.kind == Finding.KIND_MONEY_MISSING
    assert (await repaired(shop, finding)).state == REPAIRED
    assert shop.inventory.held("SERUM") == 0


async def test_promotion_uses_that_were_lost_are_claimed_again_or_stay_open(shop: Shop) -> None:
    first, second = await bought(shop, codes=["TEN"]), await bought(shop, codes=["TEN"])
    shop.promotions.redemptions.clear()
    shop.promotions.limits["TEN"] = 1
    found = await audited(shop)
    assert {one.order_id for one in found} == {first, second}
    after = [await repaired(shop, one) for one in found]
    assert [one.state for one in after] == [REPAIRED, OPEN]
    assert "USAGE_LIMIT" in after[1].repair_outcome


async def test_an_order_in_movement_is_not_judged(shop: Shop) -> None:
    young = await bought(shop)
    del shop.inventory.reservations[young]
    shop.clock.ahead = timedelta(0)
    answer = await client.call(shop.audits.RunAudit, pb.RunAuditRequest())
    assert (answer.moving, answer.orders, list(answer.findings)) == (1, 0, [])
    shop.clock.ahead = timedelta(hours=1)
    await shop.execute("UPDATE orders SET due_at = now() + interval '1 minute', lease_owner = 'somebody'")
    assert await audited(shop, young) == []


async def test_what_only_one_look_saw_is_not_reported(shop: Shop) -> None:
    order_id = await bought(shop)
    reservation = shop.inventory.reservations.pop(order_id)
    audit = shop.service.audit
    looked = await audit.look([order_id])
    await audit.findings.record(looked.subjects, looked.seen, float("inf"))
    status = await client.call(shop.audits.GetAuditStatus, pb.GetAuditStatusRequest())
    assert (status.suspects, list(status.counts)) == (1, [])
    shop.inventory.reservations[order_id] = reservation
    assert await audited(shop) == []
    assert await told(shop) == []


async def test_a_finding_that_is_not_seen_any_more_is_gone(shop: Shop) -> None:
    order_id = await bought(shop)
    reservation = shop.inventory.reservations.pop(order_id)
    [finding] = await audited(shop)
    shop.inventory.reservations[order_id] = reservation
    assert await audited(shop) == []
    request = pb.ListAuditFindingsRequest(state=GONE)
    answer = await client.call(shop.audits.ListAuditFindings, request)
    assert [one.finding_id for one in answer.findings] == [finding.finding_id]
    assert await told(shop) == ["reported", "gone"]
    assert (await repaired(shop, finding)).state == GONE


async def test_a_repair_that_is_asked_twice_at_once_happens_once(shop: Shop) -> None:
    order_id = await bought(shop)
    del shop.inventory.reservations[order_id]
    [finding] = await audited(shop)
    after = await asyncio.gather(*(repaired(shop, finding) for _ in range(5)))
    assert {one.state for one in after} == {REPAIRED}
    assert shop.inventory.held("SERUM") == 2
    assert await told(shop) == ["reported", "repaired"]


async def test_the_always_on_walk_finds_it_by_itself(shop: Shop) -> None:
    order_id = await bought(shop)
    del shop.inventory.reservations[order_id]
    await shop.execute("UPDATE audit_walk SET stage = 'IDLE', position = '', began_at = 'epoch'")
    clock = iter((0, 0, 100, 100, 200, 200))
    audit = shop.service.audit
    audit.monotonic_s = lambda: float(next(clock))
    await audit.run_once()
    await shop.execute("UPDATE audit_findings SET looked_at = looked_at - interval '1 minute'")
    await audit.run_once()
    assert await told(shop) == ["reported"]
    await audit.run_once()
    status = await client.call(shop.audits.GetAuditStatus, pb.GetAuditStatusRequest())
    assert (status.orders, [one.open for one in status.counts]) == (1, [1])
    assert status.HasField("walk_end_time")


async def test_a_walk_that_sees_the_same_again_before_the_second_look_goes_on(shop: Shop) -> None:
    order_id = await bought(shop)
    del shop.inventory.reservations[order_id]
    clock = iter((0, 0, 100, 100))
    audit = shop.service.audit
    audit.monotonic_s = lambda: float(next(clock))
    for _ in range(2):
        await shop.execute("UPDATE audit_walk SET stage = 'IDLE', position = '', began_at = 'epoch'")
        await audit.run_once()
    assert await told(shop) == []
    rows = await shop.rows("SELECT count(*) FROM audit_findings")
    assert rows == [(1,)]


async def test_findings_are_listed_page_by_page(shop: Shop) -> None:
    ids = sorted([await bought(shop) for _ in range(5)])
    shop.inventory.reservations.clear()
    await audited(shop)
    listed: list[str] = []
    token = ""
    while True:
        request = pb.ListAuditFindingsRequest(page_size=2, page_token=token)
        answer = await client.call(shop.audits.ListAuditFindings, request)
        listed += [one.order_id for one in answer.findings]
        token = answer.next_page_token
        if not token:
            break
    assert listed == ids


@pytest.mark.parametrize(
    ("method", "request_", "reason"),
    [
        ("RepairAuditFinding", pb.RepairAuditFindingRequest(request_id="r", finding_id="nothing"), "FINDING_NOT_FOUND"),
        ("RepairAuditFinding", pb.RepairAuditFindingRequest(request_id="r", finding_id="o/x"), "FINDING_NOT_FOUND"),
        (
            "RepairAuditFinding",
            pb.RepairAuditFindingRequest(request_id="r", finding_id="o/money_left"),
            "FINDING_NOT_FOUND",
        ),
        ("RepairAuditFinding", pb.RepairAuditFindingRequest(finding_id="o/money_left"), "FIELD_REQUIRED"),
        ("RunAudit", pb.RunAuditRequest(page_size=501), "FIELD_INVALID"),
        ("RunAudit", pb.RunAuditRequest(page_token="abc"), "PAGE_TOKEN_INVALID"),
        ("ListAuditFindings", pb.ListAuditFindingsRequest(page_token="abc"), "PAGE_TOKEN_INVALID"),
        ("ListAuditFindings", pb.ListAuditFindingsRequest(state=77), "FIELD_INVALID"),  # type: ignore[arg-type]
    ],
)
async def test_bad_input_is_refused_with_its_reason(shop: Shop, method: str, request_: Any, reason: str) -> None:
    with pytest.raises(ServiceError) as refused:
        await client.call(getattr(shop.audits, method), request_)
    assert refused.value.reason == reason


async def test_a_service_that_does_not_answer_fails_the_look_and_records_nothing(shop: Shop) -> None:
    order_id = await bought(shop)
    del shop.inventory.reservations[order_id]
    shop.inventory.wire.before["BatchGetReservations"] = [far_side.lost() for _ in range(10)]
    with pytest.raises(ServiceError) as refused:
        await audited(shop)
    assert refused.value.code == grpc.StatusCode.UNAVAILABLE
    assert (await shop.rows("SELECT count(*) FROM audit_findings")) == [(0,)]
