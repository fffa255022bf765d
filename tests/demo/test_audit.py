"""The audit must fail if a promise is broken: each test breaks one in otherwise correct evidence."""

from __future__ import annotations

from dataclasses import replace

from gen.common.v1.money_pb2 import Money
from gen.inventory.v1 import reservation_pb2, stock_pb2, stock_service_pb2
from gen.order.v1 import order_pb2
from gen.promo.v1 import promotion_pb2, promotion_service_pb2
from tests.demo import audit
from tests.demo.evidence import Evidence, Payment
from tests.demo.outcomes import Outcome, Results
from tests.demo.plan import Visit
from tests.demo.shop import Reply

FLASH = "FLASH-1"
CONFIRMED = order_pb2.Order.STATE_CONFIRMED


def order(order_id: str = "o-1", quantity: int = 1) -> order_pb2.Order:
    return order_pb2.Order(
        order_id=order_id,
        state=CONFIRMED,
        lines=[order_pb2.OrderLine(sku=FLASH, quantity=quantity)],
        total=Money(currency="EUR", amount_minor=1990),
        customer=order_pb2.Customer(id="c1"),
        discounts=[order_pb2.OrderDiscount(promotion_id="launch")],
    )


def reservation(order_id: str = "o-1", quantity: int = 1) -> reservation_pb2.Reservation:
    line = reservation_pb2.ReservationLine(sku=FLASH, location="berlin", quantity=quantity)
    state = reservation_pb2.Reservation.STATE_COMMITTED
    return reservation_pb2.Reservation(reservation_id=order_id, state=state, lines=[line])


def whole() -> Evidence:
    return Evidence(
        orders=[order()],
        gone={FLASH: 1},
        flash=stock_service_pb2.SkuStock(sku=FLASH, on_hand=1, committed=1, levels=[stock_pb2.StockLevel()]),
        reservations={"o-1": reservation()},
        abandoned={},
        payments=[Payment("k-1", "o-1", "AUTHORIZED", 1990, "EUR")],
        promotions=[promotion_pb2.Promotion(promotion_id="launch", used=1, usage_limit=1, customer_limit=1)],
        stock_audit=stock_service_pb2.AuditStockResponse(levels=1),
        usage_audit=promotion_service_pb2.AuditUsageResponse(levels=1),
        stuck=[],
    )


def results(*replies: Reply) -> Results:
    first, *repeats = replies or (accepted(),)
    return Results(rush=[Outcome(Visit("f1", ((FLASH, 1),), "c1"), first, list(repeats))])


def accepted(order_id: str = "o-1") -> Reply:
    return Reply(201, {"order_id": order_id, "state": "CONFIRMED"}, replayed=False, retries=0, latency_ms=5)


def broken(evidence: Evidence, seen: Results | None = None, still_open: tuple[str, ...] = ()) -> list[str]:
    lines = audit.judge(evidence, seen or results(), FLASH, 1, list(still_open))
    return [line.promise for line in lines if not line.holds]


def test_whole_evidence_holds() -> None:
    assert broken(whole()) == []


def test_a_sale_that_did_not_move_stock_is_found() -> None:
    assert "units sold = units gone, sku by sku" in broken(replace(whole(), gone={FLASH: 0}))


def test_an_oversold_flash_sale_is_found() -> None:
    twice = [order("o-1"), order("o-2")]
    assert "the flash sale sold all it had and not one more" in broken(replace(whole(), orders=twice, gone={FLASH: 2}))


def test_an_order_whose_reservation_has_other_lines_is_found() -> None:
    assert broken(replace(whole(), reservations={"o-1": reservation(quantity=2)})) == ["no order without stock"]
    assert broken(replace(whole(), reservations={})) == ["no order without stock"]


def test_money_without_an_order_is_found() -> None:
    stray = [*whole().payments, Payment("k-2", "o-9", "CAPTURED", 5, "EUR")]
    assert broken(replace(whole(), payments=stray)) == ["no payment without order"]


def test_a_payment_of_another_amount_is_found() -> None:
    other = [Payment("k-1", "o-1", "AUTHORIZED", 1, "EUR")]
    assert broken(replace(whole(), payments=other)) == ["no payment without order"]


def test_an_order_that_nobody_paid_is_found() -> None:
    assert broken(replace(whole(), payments=[])) == ["no order without payment"]


def test_a_repeat_that_names_another_order_is_found() -> None:
    assert broken(whole(), results(accepted("o-1"), accepted("o-2"))) == ["a repeated request gets the same order"]


def test_a_code_that_one_customer_used_twice_is_found() -> None:
    promotion = promotion_pb2.Promotion(promotion_id="launch", used=1, customer_limit=1)
    twice = order("o-2")
    found = broken(replace(whole(), orders=[order("o-1"), twice], promotions=[promotion]))
    assert "no promotion was used more often than allowed" in found


def test_drift_of_the_gate_is_found() -> None:
    drift = stock_service_pb2.AuditStockResponse(levels=1, gate_mismatches=1)
    assert broken(replace(whole(), stock_audit=drift)) == ["stock: gate = journal = movements"]


def test_an_answer_outside_the_rules_is_found() -> None:
    odd = Reply(500, {"reason": "INTERNAL"}, replayed=False, retries=0, latency_ms=5)
    assert "every request got an answer that the rules know" in broken(whole(), results(odd))


def test_an_internal_error_is_found_even_if_a_repeat_went_well() -> None:
    seen = results()
    seen.sent_again["HTTP_500"] = 1
    assert broken(whole(), seen) == ["no answer was an internal error"]


def test_an_order_that_was_confirmed_to_its_buyer_and_then_lost_is_found() -> None:
    assert "every buyer's answer is true" in broken(replace(whole(), orders=[]))


def test_what_never_settles_is_found() -> None:
    assert broken(whole(), still_open=("1 orders NEW",)) == ["everything came to an end"]
