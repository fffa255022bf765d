"""Requests that PlaceOrder and ListOrders refuse immediately, with the field's path, and without storing anything."""

from __future__ import annotations

import base64
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from chassis.errors import ServiceError
from gen.order.v1 import order_pb2, order_service_pb2
from tests.order_svc.shop import Shop

INVALID, NOT_FOUND = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND
Payment = order_service_pb2.PaymentMethod
Customer = order_pb2.Customer

CASES: list[tuple[dict[str, Any], grpc.StatusCode, str, str]] = [
    ({"request_id": ""}, INVALID, "FIELD_REQUIRED", "request_id"),
    ({"request_id": "two words"}, INVALID, "FIELD_INVALID", "request_id"),
    ({"request_id": "x" * 101}, INVALID, "FIELD_INVALID", "request_id"),
    ({"lines": []}, INVALID, "FIELD_REQUIRED", "lines"),
    ({"lines": [(f"S{number}", 1) for number in range(101)]}, INVALID, "FIELD_INVALID", "lines"),
    ({"lines": [("SERUM", 1), ("", 1)]}, INVALID, "FIELD_REQUIRED", "lines[1].sku"),
    ({"lines": [("SERUM", 1), ("not a sku", 1)]}, INVALID, "FIELD_INVALID", "lines[1].sku"),
    ({"lines": [("SERUM", 1), ("SERUM", 2)]}, INVALID, "FIELD_INVALID", "lines[1].sku"),
    ({"lines": [("SERUM", 0)]}, INVALID, "FIELD_INVALID", "lines[0].quantity"),
    ({"lines": [("SERUM", -1)]}, INVALID, "FIELD_INVALID", "lines[0].quantity"),
    ({"lines": [("SERUM", 1_000_001)]}, INVALID, "FIELD_INVALID", "lines[0].quantity"),
    ({"lines": [("GOLD", 1_000_000)]}, INVALID, "FIELD_INVALID", "lines[0].quantity"),
    ({"lines": [("SERUM", 1), ("UNKNOWN", 1)]}, NOT_FOUND, "SKU_NOT_FOUND", "lines[1].sku"),
    ({"lines": [("SERUM", 1), ("IMPORT", 1)]}, INVALID, "CURRENCY_MISMATCH", "currency"),
    ({"place": "Not a place"}, INVALID, "FIELD_INVALID", "lines[0].location"),
    ({"currency": ""}, INVALID, "FIELD_REQUIRED", "currency"),
    ({"currency": "euro"}, INVALID, "FIELD_INVALID", "currency"),
    ({"channel": ""}, INVALID, "FIELD_REQUIRED", "channel"),
    ({"channel": "x" * 41}, INVALID, "FIELD_INVALID", "channel"),
    ({"payment": Payment()}, INVALID, "FIELD_REQUIRED", "payment.provider"),
    ({"payment": Payment(provider="sandbox")}, INVALID, "FIELD_REQUIRED", "payment.token"),
    ({"payment": Payment(provider="bank", token="t")}, INVALID, "PROVIDER_UNKNOWN", "payment.provider"),
    ({"customer": Customer(id="x" * 101)}, INVALID, "FIELD_INVALID", "customer.id"),
    ({"customer": Customer(email=f"{'x' * 250}@a.de")}, INVALID, "FIELD_INVALID", "customer.email"),
    ({"customer": Customer(email="nobody")}, INVALID, "FIELD_INVALID", "customer.email"),
    ({"customer": Customer(id="nul\x00")}, INVALID, "FIELD_INVALID", "customer.id"),
    ({"customer": Customer(id=" ann")}, INVALID, "FIELD_INVALID", "customer.id"),
    ({"customer": Customer(id="ann\u00a0")}, INVALID, "FIELD_INVALID", "customer.id"),
    ({"customer": Customer(id="a\u200bnn")}, INVALID, "FIELD_INVALID", "customer.id"),
    ({"customer": Customer(id="a\tnn")}, INVALID, "FIELD_INVALID", "customer.id"),
    ({"customer": Customer(id="a\ufe0fnn")}, INVALID, "FIELD_INVALID", "customer.id"),
    ({"codes": ["A", "\u017fUMMER"]}, INVALID, "FIELD_INVALID", "codes[1]"),
    ({"currency": "ZZZ"}, INVALID, "FIELD_INVALID", "currency"),
    ({"currency": "XAU"}, INVALID, "FIELD_INVALID", "currency"),
    ({"codes": ["A"] * 11}, INVALID, "FIELD_INVALID", "codes"),
    ({"codes": ["A", ""]}, INVALID, "FIELD_REQUIRED", "codes[1]"),
]


@pytest.mark.parametrize(("fields", "code", "reason", "path"), CASES)
async def test_bad_input_is_refused_with_its_path_and_changes_nothing(
    shop: Shop, fields: dict[str, Any], code: grpc.StatusCode, reason: str, path: str
) -> None:
    shop.inventory.prices["GOLD"] = (10**12, "EUR")
    with pytest.raises(ServiceError) as caught:
        await shop.place(**fields)
    error = caught.value
    assert (error.code, error.reason, error.metadata["field"]) == (code, reason, path)
    if code is INVALID:
        assert error.violations[0].path == path
    assert await shop.rows("SELECT 1 FROM orders") == []
    assert shop.inventory.reservations == {}


@pytest.mark.parametrize(
    ("fields", "path", "reason"),
    [
        ({"create_time_from": Timestamp(seconds=-62_135_596_800)}, "create_time_from", "FIELD_INVALID"),
        ({"create_time_to": Timestamp(seconds=253_402_300_799)}, "create_time_to", "FIELD_INVALID"),
        ({"create_time_to": Timestamp(seconds=2**63 - 1)}, "create_time_to", "FIELD_INVALID"),
        ({"create_time_to": Timestamp(nanos=-1)}, "create_time_to", "FIELD_INVALID"),
        ({"customer_id": "c\0"}, "customer_id", "FIELD_INVALID"),
        ({"state": 99}, "state", "FIELD_INVALID"),
        (
            {"page_token": base64.urlsafe_b64encode(b'["0123abcd",["x"]]').decode().rstrip("=")},
            "page_token",
            "PAGE_TOKEN_INVALID",
        ),
        ({"page_token": "x" * 1_001}, "page_token", "PAGE_TOKEN_INVALID"),
    ],
)
async def test_a_list_that_nobody_can_give_is_refused(
    shop: Shop, fields: dict[str, Any], path: str, reason: str
) -> None:
    with pytest.raises(ServiceError) as caught:
        await shop.call("ListOrders", order_service_pb2.ListOrdersRequest(**fields))
    assert (caught.value.code, caught.value.reason, caught.value.metadata["field"]) == (INVALID, reason, path)
