"""Judges the evidence: one line per promise of the product. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass

from gen.inventory.v1 import reservation_pb2
from gen.order.v1 import order_pb2
from gen.promo.v1 import promotion_pb2
from tests.demo.evidence import Evidence, waits_for_bank
from tests.demo.outcomes import DECLINED, Results, named_order, same_answer

FEW = 3
EXPECTED_REFUSALS = frozenset({"INSUFFICIENT_STOCK", "USAGE_LIMIT", "CUSTOMER_LIMIT", "CODE_NOT_APPLICABLE"})
BUG = "HTTP_500"
"""Clients retry after it, as after any request without an answer; it is a fault of the product nevertheless."""
HELD = frozenset({"AUTHORIZED", "CAPTURED"})


@dataclass(frozen=True, slots=True)
class Line:
    """One promise, whether it holds, and the figures; `wrong` shows a few violations."""

    promise: str
    holds: bool
    figures: str
    wrong: tuple[str, ...] = ()


def judge(evidence: Evidence, results: Results, flash_sku: str, flash_units: int, still_open: list[str]) -> list[Line]:
    """All lines, in the order in which they are printed."""
    return [
        _line("everything came to an end", "nothing is under way", still_open),
        _answered(results),
        _no_bug(results),
        _told_the_truth(evidence, results),
        _sold_is_gone(evidence),
        _stock_agrees(evidence),
        _usage_agrees(evidence),
        _flash(evidence, results, flash_sku, flash_units),
        _stock_behind_orders(evidence),
        _orders_behind_payments(evidence),
        _payments_behind_orders(evidence),
        _repeats(results),
        _limits(evidence),
        _abandoned(evidence, results),
        _line("no order is unfinished", "no saga is older than 120 s", evidence.stuck),
    ]


def _line(promise: str, figures: str, wrong: list[str]) -> Line:
    shown = tuple(wrong[:FEW]) + ((f"... {len(wrong)} in all",) if len(wrong) > FEW else ())
    return Line(promise, not wrong, figures, shown)


def _confirmed(evidence: Evidence) -> list[order_pb2.Order]:
    return [order for order in evidence.orders if order.state == order_pb2.Order.STATE_CONFIRMED]


def _answered(results: Results) -> Line:
    replies = [(outcome, reply) for outcome in results.outcomes for reply in outcome.replies]
    wrong = [
        f"{outcome.visit.name}: HTTP {reply.status} {reply.reason}"
        for outcome, reply in replies
        if not reply.accepted and reply.status != DECLINED and reply.reason not in EXPECTED_REFUSALS
    ]
    return _line("every request got an answer that the rules know", f"{len(replies)} answers", wrong + results.troubles)


def _no_bug(results: Results) -> Line:
    count = results.sent_again[BUG]
    return Line("no answer was an internal error", count == 0, f"{count} times HTTP 500, the import included")


def _told_the_truth(evidence: Evidence, results: Results) -> Line:
    names = {order.order_id: order_pb2.Order.State.Name(order.state) for order in evidence.orders}
    told = [outcome for outcome in results.outcomes if outcome.reply.body.get("state") == "CONFIRMED"]
    wrong = [
        f"{outcome.order_id}: answered CONFIRMED, is {names.get(outcome.order_id, 'unknown')}"
        for outcome in told
        if names.get(outcome.order_id) != ("STATE_CANCELLED" if outcome.cancelled else "STATE_CONFIRMED")
    ]
    return _line("every buyer's answer is true", f"{len(told)} were CONFIRMED", wrong)


def _sold_is_gone(evidence: Evidence) -> Line:
    sold = _sold(evidence)
    gone = Counter(evidence.gone)
    skus = sorted(gone.keys() | sold.keys())
    wrong = [f"{sku}: sold {sold[sku]}, gone {gone[sku]}" for sku in skus if sold[sku] != gone[sku]]
    figures = f"{sold.total()} sold, {gone.total()} gone, {len(skus)} skus"
    return _line("units sold = units gone, sku by sku", figures, wrong)


def _sold(evidence: Evidence) -> Counter[str]:
    sold: Counter[str] = Counter()
    for order in _confirmed(evidence):
        for line in order.lines:
            sold[line.sku] += line.quantity - line.cancelled_quantity
    return sold


def _stock_agrees(evidence: Evidence) -> Line:
    found = evidence.stock_audit
    wrong = found.gate_mismatches + found.movement_mismatches + found.reservation_mismatches + found.lot_mismatches
    figures = (
        f"{found.levels} levels; differ: gate {found.gate_mismatches}, movements {found.movement_mismatches}, "
        f"reservations {found.reservation_mismatches}, lots {found.lot_mismatches}"
    )
    return Line("stock: gate = journal = movements", wrong == 0, figures, tuple(found.examples[:FEW]))


def _usage_agrees(evidence: Evidence) -> Line:
    found = evidence.usage_audit
    wrong = found.gate_mismatches + found.movement_mismatches + found.redemption_mismatches
    figures = (
        f"{found.levels} levels; differ: gate {found.gate_mismatches}, movements {found.movement_mismatches}, "
        f"redemptions {found.redemption_mismatches}"
    )
    return Line("promotion uses: gate = journal = movements", wrong == 0, figures, tuple(found.examples[:FEW]))


def _flash(evidence: Evidence, results: Results, sku: str, units: int) -> Line:
    sold, gone = _sold(evidence)[sku], evidence.gone[sku]
    wanted = min(units, len(results.rush))
    stock = evidence.flash
    holds = sold == gone == wanted and stock.available == units - wanted and stock.reserved == 0
    figures = f"{sold} sold of {units}, {stock.available} available, {len(results.rush)} buyers"
    return Line("the flash sale sold all it had and not one more", holds, figures)


def _stock_behind_orders(evidence: Evidence) -> Line:
    orders = _confirmed(evidence)
    wrong = [order.order_id for order in orders if not _backed(order, evidence.reservations.get(order.order_id))]
    return _line("no order without stock", f"{len(orders)} confirmed, each with its committed reservation", wrong)


def _backed(order: order_pb2.Order, reservation: reservation_pb2.Reservation | None) -> bool:
    if reservation is None or reservation.state != reservation_pb2.Reservation.STATE_COMMITTED:
        return False
    claimed: Counter[str] = Counter()
    for line in reservation.lines:
        claimed[line.sku] += line.quantity - line.cancelled
    bought = Counter({line.sku: line.quantity - line.cancelled_quantity for line in order.lines})
    return claimed == bought


def _orders_behind_payments(evidence: Evidence) -> Line:
    orders = {order.order_id: order for order in _confirmed(evidence)}
    held = [payment for payment in evidence.payments if payment.status in HELD]
    twice = [order_id for order_id, count in Counter(payment.order_id for payment in held).items() if count > 1]
    wrong = [f"{order_id}: paid more than once" for order_id in twice]
    for payment in held:
        order = orders.get(payment.order_id)
        if order is None:
            wrong.append(f"{payment.key}: {payment.status} without a confirmed order")
        elif (payment.amount_minor, payment.currency) != (order.total.amount_minor, order.total.currency):
            wrong.append(f"{payment.key}: {payment.amount_minor} {payment.currency} for {order.total.amount_minor}")
    total = sum(payment.amount_minor for payment in held)
    return _line("no payment without order", f"{len(held)} payments held, EUR {total // 100}.{total % 100:02}", wrong)


def _payments_behind_orders(evidence: Evidence) -> Line:
    paid = {payment.order_id for payment in evidence.payments if payment.status in HELD}
    orders = [order for order in _confirmed(evidence) if order.total.amount_minor > 0]
    wrong = [order.order_id for order in orders if order.order_id not in paid]
    return _line("no order without payment", f"{len(orders)} confirmed orders with something to pay", wrong)


def _repeats(results: Results) -> Line:
    repeated = [outcome for outcome in results.outcomes if outcome.repeats]
    wrong = [
        f"{outcome.visit.name}: " + ", ".join(f"{r.status} {r.reason} {named_order(r)}" for r in outcome.replies)
        for outcome in repeated
        if not same_answer(outcome)
    ]
    return _line("a repeated request gets the same order", f"{len(repeated)} orders were sent twice", wrong)


def _limits(evidence: Evidence) -> Line:
    used_by = _uses(evidence)
    wrong = [fault for promotion in evidence.promotions for fault in _over(promotion, used_by[promotion.promotion_id])]
    figures = ", ".join(
        f"{promotion.code or promotion.name} {used_by[promotion.promotion_id].total()}"
        + (f" of {promotion.usage_limit}" if promotion.usage_limit else "")
        for promotion in evidence.promotions
    )
    return _line("no promotion was used more often than allowed", figures, wrong)


def _uses(evidence: Evidence) -> defaultdict[str, Counter[str]]:
    """Per promotion, the customers of the confirmed orders and of those that wait for their bank."""
    uses: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for order in evidence.orders:
        if order.state == order_pb2.Order.STATE_CONFIRMED or waits_for_bank(order):
            for discount in order.discounts:
                uses[discount.promotion_id][order.customer.id] += 1
    return uses


def _over(promotion: promotion_pb2.Promotion, used_by: Counter[str]) -> list[str]:
    name, used = promotion.promotion_id, used_by.total()
    faults = [] if promotion.used == used else [f"{name}: says {promotion.used} used, orders say {used}"]
    if promotion.usage_limit and used > promotion.usage_limit:
        faults.append(f"{name}: {used} uses, {promotion.usage_limit} allowed")
    if promotion.customer_limit:
        most = promotion.customer_limit
        faults += [f"{name}: {customer} used it {count} times" for customer, count in used_by.items() if count > most]
    return faults


def _abandoned(evidence: Evidence, results: Results) -> Line:
    given_back = (reservation_pb2.Reservation.STATE_EXPIRED, reservation_pb2.Reservation.STATE_RELEASED)
    wrong = [
        reservation_id
        for reservation_id in results.abandoned
        if reservation_id not in evidence.abandoned or evidence.abandoned[reservation_id].state not in given_back
    ]
    return _line("abandoned checkouts gave their stock back", f"{len(results.abandoned)} of them", wrong)
