"""Promotions that follow stock: skipped while a sku is short, and one event per crossing."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any

import pytest

from chassis import client
from chassis.db import Database
from chassis.events.broker import Broker
from chassis.events.consumer import Consumer
from gen.promo.v1 import promotion_service_pb2 as pb
from gen.promo.v1 import quote_pb2
from gen.promo.v1.promotion_service_pb2_grpc import PromotionServiceStub
from promo_svc.store import promotions, stock
from tests.promo_svc import calls, told
from tests.promo_svc.builders import percent

Reason = quote_pb2.SkippedPromotion.Reason
Sql = Callable[..., list[tuple[Any, ...]]]
CROSSINGS = """
SELECT substring(type FROM 'promo.promotion.(.*)'), payload ->> 'sku', coalesce((payload ->> 'available')::bigint, 0)
  FROM outbox WHERE key = %s AND type IN ('promo.promotion.suspended', 'promo.promotion.resumed') ORDER BY id"""
LAST_TOLD = """
SELECT coalesce((payload -> 'promotion' ->> 'suspended')::boolean, false) FROM outbox
 WHERE key = %s ORDER BY id DESC LIMIT 1"""
PARKED = "SELECT key, state FROM parked_events WHERE consumer = 'stock' ORDER BY position"
ROUNDS = 10
"""Number of tries of a race."""


def _sku() -> str:
    return calls.new_id("SKU")


async def _coupled(promo: PromotionServiceStub, *skus: str, minimum: int = 10, **fields: Any) -> tuple[str, str]:
    """Id and code of an active promotion that needs a minimum of each sku."""
    code = calls.new_id("COUPLED").upper()
    return await calls.active(promo, code=code, stock_skus=skus, minimum_available=minimum, **fields), code


async def _skipped(promo: PromotionServiceStub, code: str) -> quote_pb2.SkippedPromotion | None:
    """Why the code does not apply; None if it does."""
    quote = await calls.quoted(promo, code)
    assert bool(quote.applied) != bool(quote.skipped)
    return quote.skipped[0] if quote.skipped else None


async def _read(promo: PromotionServiceStub, promotion_id: str) -> Any:
    return (await client.call(promo.GetPromotion, pb.GetPromotionRequest(promotion_id=promotion_id))).promotion


async def test_a_promotion_is_given_only_while_there_is_enough(
    promo: PromotionServiceStub, on_stock: Consumer, sql: Sql
) -> None:
    sku = _sku()
    promotion_id, code = await _coupled(promo, sku)
    assert await _skipped(promo, code) == quote_pb2.SkippedPromotion(
        promotion_id=promotion_id,
        code=code,
        reason=Reason.REASON_STOCK_LOW,
        node="stock_skus",
        have=f"{sku}: availability unknown",
        want="at least 10",
    )
    assert (await _read(promo, promotion_id)).suspended
    await on_stock.take(told.batch(told.level(sku, 6, 1), told.level(sku, 4, 1, "paris")))
    assert await _skipped(promo, code) is None, "ten in both locations together"
    assert not (await _read(promo, promotion_id)).suspended
    await on_stock.take(told.batch(told.level(sku, 3, 2, "paris", "shortfall")))
    skipped = await _skipped(promo, code)
    assert skipped is not None
    assert (skipped.reason, skipped.have) == (Reason.REASON_STOCK_LOW, f"{sku}: 9 available")
    assert sql(CROSSINGS, promotion_id) == [("resumed", sku, 10), ("suspended", sku, 9)]


async def test_a_crossing_is_told_once_however_often_and_late_its_events_come(
    promo: PromotionServiceStub, on_stock: Consumer, sql: Sql
) -> None:
    sku = _sku()
    promotion_id, _ = await _coupled(promo, sku)
    history = [told.level(sku, units, version) for version, units in enumerate((12, 3, 11, 4, 20), 1)]
    for event in history:
        await on_stock.take(told.batch(event, event))
        await on_stock.take(told.batch(*history[: history.index(event) + 1]))
    late = [told.level(sku, units, version) for version, units in enumerate((12, 3, 11, 4), 1)]
    await on_stock.take(told.batch(*late))
    assert sql(CROSSINGS, promotion_id) == [
        ("resumed", sku, 12), ("suspended", sku, 3), ("resumed", sku, 11), ("suspended", sku, 4), ("resumed", sku, 20),
    ]  # fmt: skip


async def test_of_one_batch_only_what_is_left_at_its_end_counts(
    promo: PromotionServiceStub, on_stock: Consumer, sql: Sql
) -> None:
    sku = _sku()
    promotion_id, _ = await _coupled(promo, sku)
    events = [told.level(sku, units, version) for version, units in enumerate((12, 3, 11, 4), 1)]
    random.Random(7).shuffle(events)
    await on_stock.take(told.batch(*events))
    assert sql(CROSSINGS, promotion_id) == []


async def test_every_sku_of_a_promotion_must_be_there_and_one_sku_may_hold_back_many(
    promo: PromotionServiceStub, on_stock: Consumer, sql: Sql
) -> None:
    serum, cream = _sku(), _sku()
    both, code = await _coupled(promo, serum, cream, minimum=5)
    one, _ = await _coupled(promo, cream, minimum=1)
    await on_stock.take(told.batch(told.level(serum, 9, 1)))
    skipped = await _skipped(promo, code)
    assert skipped is not None
    assert skipped.have == f"{cream}: availability unknown"
    await on_stock.take(told.batch(told.level(cream, 5, 1)))
    await on_stock.take(told.batch(told.level(cream, 0, 2)))
    assert sql(CROSSINGS, both) == [("resumed", cream, 5), ("suspended", cream, 0)]
    assert sql(CROSSINGS, one) == [("resumed", cream, 5), ("suspended", cream, 0)]


async def test_the_event_says_what_the_promotion_is_after_it(
    promo: PromotionServiceStub, on_stock: Consumer, sql: Sql
) -> None:
    sku = _sku()
    promotion_id, _ = await _coupled(promo, sku)
    await on_stock.take(told.batch(told.level(sku, 10, 1)))
    await on_stock.take(told.batch(told.level(sku, 1, 2)))
    told_of = (
        "SELECT payload -> 'promotion' -> 'suspended', payload -> 'promotion' ->> 'state' FROM outbox WHERE key = %s"
    )
    rows = sql(f"{told_of} AND type <> 'promo.promotion.changed' ORDER BY id", promotion_id)
    assert rows == [(None, "STATE_ACTIVE"), (True, "STATE_ACTIVE")]


async def test_two_consumers_at_once_tell_a_crossing_once(
    promo: PromotionServiceStub, on_stock: Consumer, database: Database, broker: Broker, sql: Sql
) -> None:
    other = Consumer(database, broker, "stock", ["inventory"], on_stock._types, on_stock._handle)
    for _ in range(ROUNDS):
        serum, cream = _sku(), _sku()
        promotion_id, code = await _coupled(promo, serum, cream)
        first, second = told.level(serum, 10, 1), told.level(cream, 10, 1)
        await asyncio.gather(
            on_stock.take(told.batch(first)),
            other.take(told.batch(second)),
            other.take(told.batch(first)),
            on_stock.take(told.batch(told.level(serum, 5, 1, "paris"))),
            other.take(told.batch(told.level(cream, 5, 1, "paris"))),
        )
        assert await _skipped(promo, code) is None
        assert [row[0] for row in sql(CROSSINGS, promotion_id)] == ["resumed"]
        assert sql("SELECT available FROM stock_totals WHERE sku = ANY (%s)", [serum, cream]) == [(15,), (15,)]


async def test_who_counts_one_sku_waits_for_who_counts_another_of_the_same_promotion(
    promo: PromotionServiceStub, on_stock: Consumer, database: Database, sql: Sql
) -> None:
    serum, cream = _sku(), _sku()
    promotion_id, _ = await _coupled(promo, serum, cream)
    async with database.transaction() as tx:
        await on_stock._handle(tx, [told.level(serum, 11, 1)])
        second = asyncio.create_task(on_stock.take(told.batch(told.level(cream, 10, 1))))
        await calls.stands_still(sql, second)
    await second
    assert sql(CROSSINGS, promotion_id) == [("resumed", cream, 10)]


async def test_a_promotion_that_is_coupled_while_stock_changes_misses_no_crossing(
    promo: PromotionServiceStub, on_stock: Consumer, database: Database, sql: Sql
) -> None:
    sku = _sku()
    await on_stock.take(told.batch(told.level(sku, 12, 1)))
    async with database.transaction() as tx:
        await on_stock._handle(tx, [told.level(sku, 3, 2)])
        coupling = asyncio.create_task(calls.created(promo, stock_skus=[sku], minimum_available=10))
        await calls.stands_still(sql, coupling)
    made = await coupling
    assert made.suspended
    assert sql(CROSSINGS, made.promotion_id) == []


async def test_stock_that_changes_while_a_promotion_is_coupled_to_it_holds_it_back(
    on_stock: Consumer, database: Database, sql: Sql
) -> None:
    sku, promotion_id = _sku(), calls.new_id("promotion")
    await on_stock.take(told.batch(told.level(sku, 12, 1)))
    async with database.transaction() as tx:
        promotion = percent(promotion_id, 1_000, code="UNFINISHED", stock_skus=(sku,), minimum_available=10)
        await promotions.insert(tx, promotion)
        await stock.couple(tx, promotion)
        changing = asyncio.create_task(on_stock.take(told.batch(told.level(sku, 3, 2))))
        await calls.stands_still(sql, changing)
    await changing
    assert sql(CROSSINGS, promotion_id) == [("suspended", sku, 3)]


async def test_an_update_tells_no_older_state_than_the_crossing_before_it(
    promo: PromotionServiceStub, on_stock: Consumer, database: Database, sql: Sql
) -> None:
    sku = _sku()
    await on_stock.take(told.batch(told.level(sku, 12, 1)))
    promotion_id, _ = await _coupled(promo, sku)
    async with database.transaction() as tx:
        await on_stock._handle(tx, [told.level(sku, 3, 2)])
        renaming = asyncio.create_task(calls.updated(promo, promotion_id, name="Renamed"))
        await calls.stands_still(sql, renaming)
    assert (await renaming).suspended
    assert sql(LAST_TOLD, promotion_id) == [(True,)]


async def test_a_coupling_is_changed_and_undone_like_every_rule(
    promo: PromotionServiceStub, on_stock: Consumer, sql: Sql
) -> None:
    rare, plenty = _sku(), _sku()
    await on_stock.take(told.batch(told.level(plenty, 100, 1)))
    made = await calls.created(promo, stock_skus=[rare], minimum_available=10)
    assert (made.suspended, list(made.stock_skus), made.minimum_available) == (True, [rare], 10)
    after = await calls.updated(promo, made.promotion_id, stock_skus=[plenty])
    assert (after.suspended, list(after.stock_skus)) == (False, [plenty])
    after = await calls.updated(promo, made.promotion_id, minimum_available=101)
    assert after.suspended
    await on_stock.take(told.batch(told.level(rare, 500, 1)))
    assert sql(CROSSINGS, made.promotion_id) == [], "the earlier sku is no longer one of its skus"
    after = await calls.updated(promo, made.promotion_id, "stock_skus", "minimum_available")
    assert (after.suspended, list(after.stock_skus)) == (False, [])
    await on_stock.take(told.batch(told.level(plenty, 500, 2)))
    assert sql(CROSSINGS, made.promotion_id) == []


async def test_an_order_that_has_its_units_may_redeem_what_it_was_quoted(
    promo: PromotionServiceStub, on_stock: Consumer
) -> None:
    sku = _sku()
    await on_stock.take(told.batch(told.level(sku, 10, 1)))
    promotion_id, code = await _coupled(promo, sku)
    assert await _skipped(promo, code) is None
    await on_stock.take(told.batch(told.level(sku, 8, 2)))
    await calls.redeemed(promo, calls.new_id("order"), promotion_id)
    assert await calls.used(promo, promotion_id) == 1


async def test_an_event_that_cannot_be_handled_stops_its_sku_only(on_stock: Consumer, sql: Sql) -> None:
    poisoned, other, unversioned = _sku(), _sku(), _sku()
    broken = told.broken("inventory", "inventory.stock_level.changed", poisoned)
    events = (broken, told.level(other, 5, 1), told.level(poisoned, 5, 2), told.level(unversioned, 5, 0))
    await on_stock.take(told.batch(*events))
    known = sql("SELECT sku, available FROM stock_totals WHERE sku = ANY (%s)", [poisoned, other, unversioned])
    assert known == [(other, 5)]
    assert sql(PARKED) == [(poisoned, "RETRYING"), (poisoned, "WAITING"), (unversioned, "RETRYING")]


async def test_a_batch_is_one_write_whatever_it_holds(
    on_stock: Consumer, sql: Sql, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []
    write = stock.write

    async def noted(tx: Any, facts: Any) -> Any:
        written.append(len(facts))
        return await write(tx, facts)

    monkeypatch.setattr(stock, "write", noted)
    skus = [_sku() for _ in range(20)]
    events = [told.level(sku, version, version) for version in range(1, 11) for sku in skus]
    await on_stock.take(told.batch(*events))
    assert written == [20]
    assert sql("SELECT count(*), sum(available) FROM stock_totals WHERE sku = ANY (%s)", skus) == [(20, 200)]


async def test_a_quote_asks_for_stock_only_when_a_promotion_does(
    promo: PromotionServiceStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []
    read = stock.available

    async def noted(tx: Any, skus: Any) -> Any:
        asked.append(list(skus))
        return await read(tx, skus)

    monkeypatch.setattr(stock, "available", noted)
    await calls.active(promo, code="NO-STOCK", usage_limit=1)
    await calls.quoted(promo, "NO-STOCK")
    assert asked == []
    sku = _sku()
    _, code = await _coupled(promo, sku)
    await calls.quoted(promo, "NO-STOCK", code)
    assert asked == [[sku]]
