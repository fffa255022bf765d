"""The catalogue is data that people edit; these are its rules."""

from __future__ import annotations

import re
from datetime import date

from tests.demo import catalogue, plan

CATALOGUE = catalogue.read("FLASH-1")
SKU = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,63}")


def test_it_has_more_than_three_hundred_skus_each_once() -> None:
    skus = [product.sku for product in CATALOGUE.products]
    assert len(skus) >= 330
    assert len(set(skus)) == len(skus)
    assert all(SKU.fullmatch(sku) for sku in skus)


def test_every_sku_has_a_price_and_stock_in_known_locations() -> None:
    known = {location["location"] for location in CATALOGUE.locations}
    for product in CATALOGUE.products:
        assert product.body["price"]["amount_minor"] > 0
        assert product.units > 0
        assert {delivery.location for delivery in product.deliveries} <= known


def test_a_lot_of_one_sku_has_the_same_dates_wherever_it_lies() -> None:
    for product in (*CATALOGUE.products, CATALOGUE.flash):
        dates: dict[str, tuple[str, str]] = {}
        for delivery in product.deliveries:
            assert dates.setdefault(delivery.lot, (delivery.manufacture_date, delivery.expiry_date)) == (
                delivery.manufacture_date,
                delivery.expiry_date,
            )


def test_lots_are_made_before_they_expire_and_expire_between_2026_and_2029() -> None:
    for product in CATALOGUE.products:
        for delivery in product.deliveries:
            if delivery.expiry_date:
                assert date.fromisoformat(delivery.manufacture_date) < date.fromisoformat(delivery.expiry_date)
                assert "2026" <= delivery.expiry_date < "2030"


def test_the_flash_sale_has_a_hundred_units_in_all() -> None:
    assert CATALOGUE.flash.sku == "FLASH-1"
    assert CATALOGUE.flash.units == 100


def test_one_seed_is_one_plan() -> None:
    assert plan.make(CATALOGUE, 200, 50, seed=7) == plan.make(CATALOGUE, 200, 50, seed=7)
    assert plan.make(CATALOGUE, 200, 50, seed=7) != plan.make(CATALOGUE, 200, 50, seed=8)


def test_a_plan_has_every_kind_of_buyer_and_no_sku_twice_in_a_basket() -> None:
    made = plan.make(CATALOGUE, 2_000, 300, seed=1)
    assert {visit.token for visit in made.visits} == {"tok_ok", "tok_declined", "tok_timeout", "tok_3ds"}
    assert {visit.repeat for visit in made.visits} == set(plan.Repeat)
    assert {visit.after for visit in made.visits} == set(plan.After)
    assert {visit.code for visit in made.visits} == {"", plan.LAUNCH, plan.WELCOME}
    for visit in made.visits:
        assert 1 <= len(visit.lines) <= plan.MOST_LINES
        assert len({sku for sku, _ in visit.lines}) == len(visit.lines)
    assert {line for visit in made.rush for line in visit.lines} == {("FLASH-1", 1)}
    assert len(made.abandoned) == 100
