"""Prints the figures of the traffic and the results of the audit."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from gen.order.v1 import order_pb2
from tests.demo.audit import Line
from tests.demo.evidence import Evidence, waits_for_bank
from tests.demo.outcomes import DECLINED, Outcome, Results, latency, refusals
from tests.demo.shop import Reply


def show(console: Console, results: Results, evidence: Evidence, lines: list[Line]) -> None:
    """The figures, then the audit."""
    _orders(console, results, evidence)
    _latencies(console, results)
    _audit(console, lines)


def _orders(console: Console, results: Results, evidence: Evidence) -> None:
    confirmed = [order for order in evidence.orders if order.state == order_pb2.Order.STATE_CONFIRMED]
    units = sum(line.quantity for order in confirmed for line in order.lines)
    total = sum(order.total.amount_minor for order in confirmed)
    discount = sum(order.discount_total.amount_minor for order in confirmed)
    replies = [reply for outcome in results.outcomes for reply in outcome.replies]
    table = Table("what happened", "count", title="orders", title_justify="left")
    table.add_row("orders sent", str(len(results.outcomes)))
    table.add_row("sold: orders / units", f"{len(confirmed)} / {units}")
    table.add_row("sold: EUR, after EUR of discounts", f"{total / 100:.2f}, {discount / 100:.2f}")
    table.add_row("wait for the customer's bank", str(sum(waits_for_bank(order) for order in evidence.orders)))
    table.add_row("reported by the bank (signed webhook)", str(len(results.reported_by_bank)))
    for reason, count in refusals(results.outcomes).most_common():
        table.add_row(f"refused: {reason}", str(count))
    table.add_row("declined: 402", str(sum(outcome.reply.status == DECLINED for outcome in results.outcomes)))
    table.add_row("cancelled afterwards", str(sum(outcome.cancelled for outcome in results.mixed)))
    table.add_row("fulfilled", str(sum(outcome.fulfilled for outcome in results.mixed)))
    table.add_row("abandoned checkouts", f"{len(results.abandoned)} ({results.abandoned_refused} refused)")
    table.add_row("sent twice under one key", str(sum(len(outcome.repeats) for outcome in results.outcomes)))
    table.add_row("answers that say they repeat an earlier one", str(sum(reply.replayed for reply in replies)))
    for trouble, count in results.sent_again.most_common():
        table.add_row(f"sent again after {trouble}", str(count))
    rate = len(results.outcomes) / max(results.elapsed_s, 0.001)
    table.add_row("orders per second, refusals included", f"{rate:.0f} over {results.elapsed_s:.1f} s")
    console.print(table)


def _latencies(console: Console, results: Results) -> None:
    table = Table("PlaceOrder over REST", "count", "p50 ms", "p99 ms", "worst ms", title="latency")
    table.title_justify = "left"
    rows = {
        "mixed baskets, accepted": _replies(results.mixed, accepted=True),
        "mixed baskets, refused or declined": _replies(results.mixed, accepted=False),
        "flash sale, accepted": _replies(results.rush, accepted=True),
        "flash sale, sold out": _replies(results.rush, accepted=False),
    }
    for title, replies in rows.items():
        found = latency(replies)
        table.add_row(title, str(found.count), f"{found.p50:.0f}", f"{found.p99:.0f}", f"{found.worst:.0f}")
    console.print(table)


def _replies(outcomes: list[Outcome], *, accepted: bool) -> list[Reply]:
    return [outcome.reply for outcome in outcomes if outcome.reply.accepted is accepted]


def _audit(console: Console, lines: list[Line]) -> None:
    console.print("audit")
    for line in lines:
        word = "[green]OK  [/green]" if line.holds else "[bold red]FAIL[/bold red]"
        console.print(f"  {word} {line.promise}: ", end="")
        console.print(line.figures, markup=False, highlight=False, soft_wrap=True)
        for fault in line.wrong:
            console.print(f"         {fault}", markup=False, highlight=False, soft_wrap=True)
    broken = sum(not line.holds for line in lines)
    console.print(f"{len(lines)} lines, {broken} do not hold" if broken else f"all {len(lines)} lines hold")
