"""Bounds of fields: as read from the protos, and the violations that a check finds in a message."""

from __future__ import annotations

import re
from typing import Any

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.timestamp_pb2 import Timestamp

from chassis import bounds, bounds_check
from chassis.bounds_check import MOST_VIOLATIONS
from chassis.errors import ServiceError
from gen.common.v1.money_pb2 import Money
from gen.inventory.v1 import catalog_service_pb2 as catalog
from gen.inventory.v1 import reservation_service_pb2 as reservations
from gen.inventory.v1 import stock_service_pb2 as stock
from gen.inventory.v1.sku_pb2 import Sku
from gen.order.v1 import order_service_pb2 as orders
from gen.promo.v1 import promotion_service_pb2 as promotions

PRICE = Money(currency="EUR", amount_minor=100)


def wrong(message: Any) -> dict[str, str]:
    """The reason by path."""
    try:
        bounds_check.check(message)
    except ServiceError as refused:
        assert refused.metadata["field"] == refused.violations[0].path
        return {one.path: one.reason for one in refused.violations}
    return {}


def words(message: Any) -> str:
    """The text of the first violation."""
    with pytest.raises(ServiceError) as caught:
        bounds_check.check(message)
    return caught.value.message


def reserve(**fields: Any) -> reservations.ReserveStockRequest:
    """A reservation that is valid except for these fields."""
    line = reservations.ReserveLine(sku="SERUM-30", quantity=1)
    return reservations.ReserveStockRequest(**{"request_id": "r-1", "lines": [line], **fields})


def test_bounds_are_read_from_the_protos() -> None:
    sku = bounds.of("inventory.v1.GetStockRequest", "sku")
    assert (sku.required, sku.min_length, sku.max_length) == (True, 1, 64)
    assert sku.pattern is not None
    assert re.search(sku.pattern, "SERUM/30")
    assert not re.search(sku.pattern, "/SERUM")
    size = bounds.of("inventory.v1.ListStockRequest", "page_size")
    assert (size.minimum, size.maximum, size.pattern) == (0, 500, None)
    assert bounds.of("inventory.v1.BatchGetStockRequest", "skus").max_items == 500


def test_a_field_that_is_not_there_is_a_mistake_of_who_asks() -> None:
    with pytest.raises(KeyError):
        bounds.of("inventory.v1.GetStockRequest", "price")


def test_a_message_within_its_bounds_passes() -> None:
    assert wrong(reserve()) == {}
    assert wrong(stock.SetStockRequest(request_id="r", sku="S", location="berlin", on_hand=0)) == {}
    assert wrong(catalog.CreateSkuRequest(request_id="r", sku=Sku(sku="S", name="n", price=PRICE))) == {}


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (reserve(request_id=""), {"request_id": "FIELD_REQUIRED"}),
        (reserve(request_id="a b"), {"request_id": "FIELD_INVALID"}),
        (reserve(lines=[]), {"lines": "FIELD_REQUIRED"}),
        (reserve(owner="a\0"), {"owner": "FIELD_INVALID"}),
        (
            reserve(lines=[reservations.ReserveLine(sku="a@b")]),
            {"lines[0].sku": "FIELD_INVALID", "lines[0].quantity": "FIELD_INVALID"},
        ),
        (catalog.CreateSkuRequest(request_id="r"), {"sku": "FIELD_REQUIRED"}),
        (catalog.CreateSkuRequest(request_id="r", sku=Sku(sku="S", name="n")), {"sku.price": "FIELD_REQUIRED"}),
        (
            catalog.CreateSkuRequest(request_id="r", sku=Sku(sku="S", name="n", price=Money())),
            {"sku.price.currency": "FIELD_REQUIRED"},
        ),
        (stock.SetStockRequest(request_id="r", sku="S", location="berlin", on_hand=-1), {"on_hand": "FIELD_INVALID"}),
        (stock.BatchGetStockRequest(skus=["S", ""]), {"skus[1]": "FIELD_REQUIRED"}),
        (stock.ListStockRequest(page_token="a b"), {"page_token": "PAGE_TOKEN_INVALID"}),
        (orders.ListOrdersRequest(create_time_from=Timestamp(seconds=-1)), {"create_time_from": "FIELD_INVALID"}),
        (
            orders.ListOrdersRequest(create_time_to=Timestamp(seconds=253_402_300_799)),
            {"create_time_to": "FIELD_INVALID"},
        ),
        (orders.ListOrdersRequest(create_time_to=Timestamp(nanos=-1)), {"create_time_to": "FIELD_INVALID"}),
        (
            catalog.UpdateSkuRequest(request_id="r", sku=Sku(sku="S"), update_mask=FieldMask(paths=["a\0"])),
            {"update_mask.paths[0]": "FIELD_INVALID"},
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_path(message: Any, expected: dict[str, str]) -> None:
    assert wrong(message) == expected


def test_the_words_name_the_bounds() -> None:
    assert words(stock.GetStockRequest(sku="a" * 65)).startswith("sku: must be 1 to 64 characters of A-Z a-z 0-9")
    assert words(reserve(ttl_seconds=-1)) == "ttl_seconds: must be from 0 to 86400, not -1"
    assert words(reserve(owner="x" * 101)) == "owner: must have at most 100 characters"
    assert words(stock.BatchGetStockRequest(skus=["S"] * 501)) == "skus: must have 1 to 500 entries, not 501"


def test_what_an_update_leaves_out_is_not_required_but_what_it_sends_is_bounded() -> None:
    assert wrong(catalog.UpdateSkuRequest(request_id="r", sku=Sku(sku="S"))) == {}
    long = catalog.UpdateSkuRequest(request_id="r", sku=Sku(sku="S", brand="b" * 101))
    assert wrong(long) == {"sku.brand": "FIELD_INVALID"}


def test_a_batch_is_refused_for_an_entry_unless_its_entries_stand_alone() -> None:
    assert "requests[0].lines" in wrong(reservations.BatchReserveStockRequest(requests=[reserve(lines=[])]))
    assert wrong(promotions.BatchRedeemPromotionsRequest(requests=[promotions.RedeemPromotionsRequest()])) == {}


def test_an_answer_names_few_of_many_mistakes() -> None:
    bad = reservations.BatchReserveStockRequest(requests=[reservations.ReserveStockRequest()] * 500)
    assert len(wrong(bad)) == MOST_VIOLATIONS


@pytest.mark.parametrize(
    "attributes",
    [
        {"a": 1e300},
        {"a": 2.0**53 + 2},
        {"a": float("nan")},
        {"a": float("inf")},
        {"a\0": 1},
        {"a": ["\0"]},
        {"a": "x" * 16_385},
    ],
)
def test_attributes_that_json_or_postgres_cannot_keep_are_refused(attributes: dict[str, Any]) -> None:
    message = catalog.CreateSkuRequest(request_id="r", sku=Sku(sku="S", name="n", price=PRICE))
    message.sku.attributes.update(attributes)
    assert wrong(message) == {"sku.attributes": "FIELD_INVALID"}


def test_attributes_have_a_depth() -> None:
    for depth, expected in ((16, {}), (17, {"sku.attributes": "FIELD_INVALID"})):
        message = catalog.CreateSkuRequest(request_id="r", sku=Sku(sku="S", name="n", price=PRICE))
        inner = message.sku.attributes
        for _ in range(depth - 1):
            inner = inner.get_or_create_struct("in")
        inner["at"] = depth
        assert wrong(message) == expected
