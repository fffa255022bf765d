"""Bad input over gRPC: the table's error, the field's path, and nothing changes."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest

from gen.common.v1.money_pb2 import Money
from gen.inventory.v1 import catalog_service_pb2 as catalog_pb
from gen.inventory.v1 import location_pb2, sku_pb2
from gen.inventory.v1 import reservation_service_pb2 as pb
from gen.inventory.v1 import stock_service_pb2 as stock_pb
from tests.inventory_svc.calls import Stubs, call, line, refused

Query = Callable[..., list[tuple[object, ...]]]
HUGE = 2**62
FORGED = base64.urlsafe_b64encode(b'["0123abcd",["x"]]').decode()
"""A token as it was before tokens were signed."""
ONE = line("SERUM")


def _reserve(**fields: Any) -> tuple[str, Any]:
    return "reservations.ReserveStock", pb.ReserveStockRequest(**{"request_id": "r", "lines": [ONE], **fields})


def _receive(**fields: Any) -> tuple[str, Any]:
    whole = {"request_id": "r", "sku": "SERUM", "location": "berlin", "quantity": 1, **fields}
    return "stock.ReceiveStock", stock_pb.ReceiveStockRequest(**whole)


def _sku(**fields: Any) -> tuple[str, Any]:
    whole = {"sku": "SERUM", "name": "Serum", "price": Money(currency="EUR", amount_minor=1), **fields}
    return "catalog.CreateSku", catalog_pb.CreateSkuRequest(request_id="r", sku=sku_pb2.Sku(**whole))


def _adjust(**fields: Any) -> tuple[str, Any]:
    whole = {"request_id": "r", "sku": "SERUM", "location": "berlin", "delta": 1, "reason": "x", **fields}
    return "stock.AdjustStock", stock_pb.AdjustStockRequest(**whole)


def _set(**fields: Any) -> tuple[str, Any]:
    return "stock.SetStock", stock_pb.SetStockRequest(
        **{"request_id": "r", "sku": "SERUM", "location": "berlin", **fields}
    )


CASES: list[tuple[tuple[str, Any], str, str]] = [
    (_reserve(request_id=""), "request_id", "FIELD_REQUIRED"),
    (_reserve(request_id="a b"), "request_id", "FIELD_INVALID"),
    (_reserve(request_id="x" * 101), "request_id", "FIELD_INVALID"),
    (_reserve(lines=[]), "lines", "FIELD_REQUIRED"),
    (_reserve(lines=[line(f"S{n}") for n in range(101)]), "lines", "FIELD_INVALID"),
    (_reserve(lines=[ONE, line("", 1)]), "lines[1].sku", "FIELD_REQUIRED"),
    (_reserve(lines=[line("a@b", 1)]), "lines[0].sku", "FIELD_INVALID"),
    (_reserve(lines=[line("SERUM", 0)]), "lines[0].quantity", "FIELD_INVALID"),
    (_reserve(lines=[line("SERUM", -1)]), "lines[0].quantity", "FIELD_INVALID"),
    (_reserve(lines=[line("SERUM", HUGE)]), "lines[0].quantity", "FIELD_INVALID"),
    (_reserve(lines=[line("SERUM", 1, "Berlin")]), "lines[0].locations[0]", "FIELD_INVALID"),
    (_reserve(lines=[line("SERUM", 1, *[f"l{n}" for n in range(21)])]), "lines[0].locations", "FIELD_INVALID"),
    (_reserve(ttl_seconds=-1), "ttl_seconds", "FIELD_INVALID"),
    (_reserve(ttl_seconds=86_401), "ttl_seconds", "FIELD_INVALID"),
    (_reserve(owner="x" * 101), "owner", "FIELD_INVALID"),
    (_reserve(owner="\x00"), "owner", "FIELD_INVALID"),
    (_receive(quantity=0), "quantity", "FIELD_INVALID"),
    (_receive(quantity=-3), "quantity", "FIELD_INVALID"),
    (_receive(quantity=HUGE), "quantity", "FIELD_INVALID"),
    (_receive(sku=""), "sku", "FIELD_REQUIRED"),
    (_receive(location=""), "location", "FIELD_REQUIRED"),
    (_receive(expiry_date="2027-02-30", lot="L"), "expiry_date", "FIELD_INVALID"),
    (_receive(expiry_date="soon", lot="L"), "expiry_date", "FIELD_INVALID"),
    (_receive(expiry_date="2027-01-01"), "lot", "FIELD_REQUIRED"),
    (
        _receive(expiry_date="2027-01-01", manufacture_date="2027-01-02", lot="L"),
        "expiry_date",
        "FIELD_INVALID",
    ),
    (_receive(lot="x" * 65), "lot", "FIELD_INVALID"),
    (_adjust(delta=0), "delta", "FIELD_INVALID"),
    (_adjust(delta=-HUGE), "delta", "FIELD_INVALID"),
    (_adjust(reason=""), "reason", "FIELD_REQUIRED"),
    (_set(), "on_hand", "FIELD_REQUIRED"),
    (_set(on_hand=-1), "on_hand", "FIELD_INVALID"),
    (_set(backorder_limit=HUGE), "backorder_limit", "FIELD_INVALID"),
    (_sku(sku=" "), "sku.sku", "FIELD_INVALID"),
    (_sku(name=""), "sku.name", "FIELD_REQUIRED"),
    (_sku(name="x" * 201), "sku.name", "FIELD_INVALID"),
    (_sku(price=Money(currency="euro", amount_minor=1)), "sku.price.currency", "FIELD_INVALID"),
    (_sku(price=Money(currency="ZZZ", amount_minor=1)), "sku.price.currency", "FIELD_INVALID"),
    (_sku(price=Money(currency="XAU", amount_minor=1)), "sku.price.currency", "FIELD_INVALID"),
    (_sku(price=Money(currency="EUR", amount_minor=-1)), "sku.price.amount_minor", "FIELD_INVALID"),
    (_sku(price=Money(currency="EUR", amount_minor=HUGE)), "sku.price.amount_minor", "FIELD_INVALID"),
    (
        ("stock.CreateLocation", stock_pb.CreateLocationRequest(request_id="r")),
        "location",
        "FIELD_REQUIRED",
    ),
    (
        (
            "stock.CreateLocation",
            stock_pb.CreateLocationRequest(
                request_id="r", location=location_pb2.Location(location="x", time_zone="Mars/Base")
            ),
        ),
        "location.time_zone",
        "FIELD_INVALID",
    ),
    (_sku(attributes={"a": 1e300}), "sku.attributes", "FIELD_INVALID"),
    (_sku(attributes={"a": 1e19}), "sku.attributes", "FIELD_INVALID"),
    (_sku(attributes={"a": float("nan")}), "sku.attributes", "FIELD_INVALID"),
    (_sku(attributes={"a": [{"b": "\0"}]}), "sku.attributes", "FIELD_INVALID"),
    (("stock.ListStock", stock_pb.ListStockRequest(page_token=FORGED)), "page_token", "PAGE_TOKEN_INVALID"),
    (
        ("stock.ListMovements", stock_pb.ListMovementsRequest(sku="S", page_token=FORGED)),
        "page_token",
        "PAGE_TOKEN_INVALID",
    ),
    (("catalog.ListSkus", catalog_pb.ListSkusRequest(page_token=FORGED)), "page_token", "PAGE_TOKEN_INVALID"),
    (("stock.ListStock", stock_pb.ListStockRequest(page_size=501)), "page_size", "FIELD_INVALID"),
    (("stock.ListStock", stock_pb.ListStockRequest(page_size=-1)), "page_size", "FIELD_INVALID"),
    (("stock.BatchGetStock", stock_pb.BatchGetStockRequest()), "skus", "FIELD_REQUIRED"),
    (("stock.BatchGetStock", stock_pb.BatchGetStockRequest(skus=["x"] * 501)), "skus", "FIELD_INVALID"),
    (("reservations.BatchReserveStock", pb.BatchReserveStockRequest()), "requests", "FIELD_REQUIRED"),
    (
        (
            "reservations.BatchReserveStock",
            pb.BatchReserveStockRequest(requests=[pb.ReserveStockRequest(request_id="r", lines=[line("S", 0)])]),
        ),
        "requests[0].lines[0].quantity",
        "FIELD_INVALID",
    ),
    (
        ("reservations.CommitReservation", pb.CommitReservationRequest()),
        "reservation_id",
        "FIELD_REQUIRED",
    ),
    (
        ("reservations.ExtendReservation", pb.ExtendReservationRequest(reservation_id="x")),
        "ttl_seconds",
        "FIELD_INVALID",
    ),
]


def _state(sql: Query) -> list[tuple[object, ...]]:
    return sql(
        "SELECT (SELECT count(*) FROM skus), (SELECT count(*) FROM locations), (SELECT count(*) FROM stock_movements),"
        " (SELECT count(*) FROM reservations), (SELECT count(*) FROM outbox), (SELECT count(*) FROM requests)"
    )


@pytest.mark.parametrize(
    ("request_", "path", "reason"), CASES, ids=lambda value: value if isinstance(value, str) else ""
)
async def test_bad_input_is_refused_with_its_path_and_changes_nothing(
    inventory: Stubs, sql: Query, request_: tuple[str, Any], path: str, reason: str
) -> None:
    before = _state(sql)
    service, method = request_[0].split(".")
    error = await refused(call(getattr(getattr(inventory, service), method), request_[1]))
    assert error.code.name == "INVALID_ARGUMENT"
    assert [(violation.path, violation.reason) for violation in error.violations] == [(path, reason)]
    assert _state(sql) == before


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (_reserve(lines=[line("NOPE")]), "SKU_NOT_FOUND"),
        (_receive(sku="NOPE"), "SKU_NOT_FOUND"),
        (("stock.GetStock", stock_pb.GetStockRequest(sku="NOPE")), "SKU_NOT_FOUND"),
        (("stock.ListMovements", stock_pb.ListMovementsRequest(sku="NOPE")), "SKU_NOT_FOUND"),
        (("catalog.GetSku", catalog_pb.GetSkuRequest(sku="NOPE")), "SKU_NOT_FOUND"),
        (("reservations.GetReservation", pb.GetReservationRequest(reservation_id="NOPE")), "RESERVATION_NOT_FOUND"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_unknown_things_are_not_found(
    inventory: Stubs, sql: Query, request_: tuple[str, Any], reason: str
) -> None:
    before = _state(sql)
    service, method = request_[0].split(".")
    error = await refused(call(getattr(getattr(inventory, service), method), request_[1]))
    assert (error.code.name, error.reason) == ("NOT_FOUND", reason)
    assert _state(sql) == before
