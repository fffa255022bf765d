"""Bad input at both interfaces: the table's error with the field's path, and no change in any database."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from typing import Any

import orjson
import pytest
from google.protobuf import json_format

from chassis import client
from chassis.errors import ServiceError
from gen.order.v1 import order_service_pb2
from tests import databases
from tests.e2e import bad_input
from tests.e2e.bad_input import Case
from tests.e2e.product import LOCATION, TIMEOUT_S, Product

CASES = list(bad_input.every())
GRPC_CASES = list(bad_input.over_grpc())
COUNTED = """
SELECT format('SELECT %%L, count(*) FROM %%I', %s || '.' || tablename, tablename)
  FROM pg_tables WHERE schemaname = 'public'
   AND tablename NOT IN ('gate_adjustments', 'audits', 'audit_checkpoints', 'inbox', 'purchases', 'stock_availability',
                         'stock_totals') ORDER BY tablename"""
"""Adjustments are removed as soon as the gate has them, the audit writes its notes, and rows from other services' events
arrive at any time; all other tables must not change."""


@dataclass(frozen=True)
class Goods:
    """The skus and the location that the cases use."""

    known: str
    dollar: str

    def in_bytes(self, body: object) -> bytes:
        """The body with their names inserted."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()  # orjson has no numbers beyond 64 bits
        for word, name in (("KNOWN", self.known), ("DOLLAR", self.dollar), ("HERE", LOCATION)):
            raw = raw.replace(f'"{word}"'.encode(), f'"{name}"'.encode())
        return raw


@pytest.fixture(scope="module")
async def goods(product: Product) -> Goods:
    """50 units of each."""
    return Goods(await product.stocked(50), await product.stocked(50, "USD"))


class Books:
    """Number of rows in each table of the three databases."""

    def __init__(self, product: Product) -> None:
        self._counts: dict[str, str] = {}
        for name in ("inventory", "orders", "promo"):
            url = product.stack.database(name)
            self._counts[url] = " UNION ALL ".join(row[0] for row in databases.read(url, COUNTED, name))

    def read(self) -> dict[str, int]:
        """Counts now."""
        return {table: rows for url, query in self._counts.items() for table, rows in databases.read(url, query)}


@pytest.fixture(scope="module")
def books(product: Product) -> Books:
    """Of the shared product."""
    return Books(product)


@pytest.mark.parametrize("case", CASES, ids=[f"{case.path[4:]}: {case.what}" for case in CASES])
async def test_bad_input_over_rest_is_refused_with_its_path_and_changes_nothing(
    product: Product, goods: Goods, books: Books, case: Case
) -> None:
    before = books.read()
    answer = await product.send("POST", case.path, goods.in_bytes(case.body))
    problem = orjson.loads(answer.body)
    assert (answer.status, problem["reason"]) == (case.status, case.reason), problem
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["metadata"].get("field", "") == case.field, problem
    if case.status == 422:
        assert case.field in [wrong["field"] for wrong in problem["errors"]]
    assert books.read() == before


@pytest.mark.parametrize(
    ("fields", "reason", "field"),
    [case[1:] for case in GRPC_CASES],
    ids=[case[0] for case in GRPC_CASES],
)
async def test_bad_input_over_grpc_is_refused_with_its_path_and_changes_nothing(
    product: Product, goods: Goods, books: Books, fields: dict[str, Any], reason: str, field: str
) -> None:
    before = books.read()
    whole = {"request_id": secrets.token_hex(8), **bad_input.ORDER, **fields}
    request = json_format.Parse(goods.in_bytes(whole), order_service_pb2.PlaceOrderRequest())
    with pytest.raises(ServiceError) as caught:
        await client.call(product.services.orders.PlaceOrder, request, TIMEOUT_S)
    error = caught.value
    assert error.code.name == ("NOT_FOUND" if reason == "SKU_NOT_FOUND" else "INVALID_ARGUMENT")
    assert (error.reason, error.metadata["field"]) == (reason, field)
    if error.code.name == "INVALID_ARGUMENT":
        assert [violation.path for violation in error.violations] == [field]
    assert books.read() == before


@pytest.mark.parametrize(
    ("line", "fields", "status", "reason"),
    [
        ({"quantity": 51}, {}, 409, "INSUFFICIENT_STOCK"),
        ({"quantity": 1_000_000}, {}, 409, "INSUFFICIENT_STOCK"),
        ({"location": "nowhere"}, {}, 404, "LOCATION_NOT_FOUND"),
        ({}, {"codes": ["NO-SUCH-CODE"]}, 409, "CODE_NOT_APPLICABLE"),
        ({}, {"token": "tok_declined"}, 402, "PAYMENT_DECLINED"),
    ],
)
async def test_what_the_rules_refuse_is_kept_as_a_cancelled_order_and_moves_no_stock(
    product: Product, line: dict[str, Any], fields: dict[str, Any], status: int, reason: str
) -> None:
    sku = await product.stocked(50)
    answer = await product.place(secrets.token_hex(8), lines=[{"sku": sku, "quantity": 1, **line}], **fields)
    problem = orjson.loads(answer.body)
    assert (answer.status, problem["reason"]) == (status, reason), problem
    assert product.orders_of(sku) == [(problem["metadata"]["order_id"], "CANCELLED")]
    assert problem["metadata"].get("field", "") == ("lines[0].location" if status == 404 else "")
    assert await product.numbers(sku) == (50, 0, 0, 50)
    assert await product.mismatches() == []


async def test_duplicate_lines_of_one_sku_are_claimed_as_one(product: Product, books: Books) -> None:
    sku = await product.stocked(50)
    before = books.read()
    lines = [{"sku": sku, "quantity": 30}, {"sku": sku, "quantity": 30}]
    answer = await product.send("POST", "/v1/inventory/reserve", {"lines": lines})
    problem = orjson.loads(answer.body)
    assert (answer.status, problem["reason"]) == (409, "INSUFFICIENT_STOCK"), problem
    assert problem["lines"] == [{"line": 0, "sku": sku, "requested": 60, "available": 50}]
    assert books.read() == before
