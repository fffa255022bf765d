"""Invalid input is refused with the field's path, and no service gets a call."""

from __future__ import annotations

import copy
from typing import Any

import httpx
import orjson
import pytest

from tests.edge.far_side import FarSide
from tests.edge.test_orders import BODY as ORDER

RESERVE = {"lines": [{"sku": "A", "quantity": 1}]}
RECEIVE = {"sku": "A", "location": "berlin", "quantity": 1}
SKU = {"sku": "A", "name": "a", "price": {"currency": "EUR", "amount_minor": 1}}


def changed(body: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A deep copy with one value replaced at a path such as `lines.0.sku`; `...` removes it."""
    *parents, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    copied: dict[str, Any] = copy.deepcopy(body)
    place: Any = copied
    for part in parents:
        place = place[part]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return copied


LINES_101 = [{"sku": f"A{number}", "quantity": 1} for number in range(101)]
DEEP: dict[str, Any] = {}
for _ in range(20):
    DEEP = {"in": DEEP}

BAD = [
    ("/v1/orders", changed(ORDER, "lines.0.quantity", 0), "lines[0].quantity", "FIELD_INVALID"),
    ("/v1/orders", changed(ORDER, "lines.1.quantity", -1), "lines[1].quantity", "FIELD_INVALID"),
    ("/v1/orders", changed(ORDER, "lines.0.quantity", 10**6 + 1), "lines[0].quantity", "FIELD_INVALID"),
    ("/v1/orders", changed(ORDER, "lines.0.quantity", 10**40), "lines[0].quantity", "FIELD_INVALID"),
    ("/v1/orders", changed(ORDER, "lines.0.quantity", "2"), "lines[0].quantity", "FIELD_INVALID"),
    ("/v1/orders", changed(ORDER, "lines.0.quantity", 2.0), "lines[0].quantity", "FIELD_INVALID"),
    ("/v1/orders", changed(ORDER, "lines.0.quantity", True), "lines[0].quantity", "FIELD_INVALID"),
    ("/v1/orders", changed(ORDER, "lines.0.quantity", None), "lines[0].quantity", "FIELD_INVALID"),
    ("/v1/orders", changed(ORDER, "lines.0.quantity", ...), "lines[0].quantity", "FIELD_REQUIRED"),
    ("/v1/orders", changed(ORDER, "lines.0.sku", ...), "lines[0].sku", "FIELD_REQUIRED"),
    ("/v1/orders", changed(ORDER, "lines.0.sku", ""), "lines[0].sku", "FIELD_REQUIRED"),
    ("/v1/orders", changed(ORDER, "lines.0.sku", 7), "lines[0].sku", "FIELD_INVALID"),
    ("/v1/orders", changed(ORDER, "lines.0.colour", "red"), "lines[0].colour", "FIELD_INVALID"),
    ("/v1/orders", changed(ORDER, "lines.0", "A"), "lines[0]", "FIELD_INVALID"),
    ("/v1/orders", changed(ORDER, "lines", ...), "lines", "FIELD_REQUIRED"),
    ("/v1/orders", changed(ORDER, "lines", []), "lines", "FIELD_REQUIRED"),
    ("/v1/orders", changed(ORDER, "lines", {}), "lines", "FIELD_INVALID"),
    ("/v1/orders", changed(ORDER, "lines", LINES_101), "lines", "FIELD_INVALID"),
    ("/v1/orders", changed(ORDER, "currency", "euro"), "currency", "FIELD_INVALID"),
    ("/v1/orders", changed(ORDER, "currency", "eur"), "currency", "FIELD_INVALID"),
    ("/v1/orders", changed(ORDER, "channel", ...), "channel", "FIELD_REQUIRED"),
    ("/v1/orders", changed(ORDER, "payment", ...), "payment", "FIELD_REQUIRED"),
    ("/v1/orders", changed(ORDER, "payment.token", ...), "payment.token", "FIELD_REQUIRED"),
    ("/v1/orders", changed(ORDER, "customer.address.lines", ["a"] * 5), "customer.address.lines", "FIELD_INVALID"),
    ("/v1/orders", changed(ORDER, "codes", ["A"] * 11), "codes", "FIELD_INVALID"),
    ("/v1/orders", changed(ORDER, "coupon", "A"), "coupon", "FIELD_INVALID"),
    ("/v1/orders", [], "body", "FIELD_INVALID"),
    ("/v1/orders", "text", "body", "FIELD_INVALID"),
    ("/v1/orders", None, "body", "FIELD_INVALID"),
    ("/v1/inventory/reserve", changed(RESERVE, "lines", LINES_101), "lines", "FIELD_INVALID"),
    ("/v1/inventory/reserve", changed(RESERVE, "lines.0.quantity", 0), "lines[0].quantity", "FIELD_INVALID"),
    ("/v1/inventory/reserve", changed(RESERVE, "lines.0.allow_split", 1), "lines[0].allow_split", "FIELD_INVALID"),
    ("/v1/inventory/reserve", changed(RESERVE, "lines.0.locations", ["a"] * 21), "lines[0].locations", "FIELD_INVALID"),
    ("/v1/inventory/reserve", changed(RESERVE, "lines.0.locations", [1]), "lines[0].locations[0]", "FIELD_INVALID"),
    ("/v1/inventory/reserve", changed(RESERVE, "ttl_seconds", 0), "ttl_seconds", "FIELD_INVALID"),
    ("/v1/inventory/reserve", changed(RESERVE, "ttl_seconds", 86_401), "ttl_seconds", "FIELD_INVALID"),
    ("/v1/inventory/reservations/r/extend", {}, "ttl_seconds", "FIELD_REQUIRED"),
    ("/v1/inventory/reservations/r/commit", {"x": 1}, "x", "FIELD_INVALID"),
    ("/v1/inventory", changed(RECEIVE, "quantity", 0), "quantity", "FIELD_INVALID"),
    ("/v1/inventory", changed(RECEIVE, "quantity", 10**9 + 1), "quantity", "FIELD_INVALID"),
    ("/v1/inventory", changed(RECEIVE, "expiry_date", "31.1.2027"), "expiry_date", "FIELD_INVALID"),
    ("/v1/inventory", changed(RECEIVE, "location", ...), "location", "FIELD_REQUIRED"),
    ("/v1/inventory/adjust", {"sku": "A", "location": "b", "delta": 1}, "reason", "FIELD_REQUIRED"),
    ("/v1/inventory/adjust", {"sku": "A", "location": "b", "delta": 1, "reason": ""}, "reason", "FIELD_REQUIRED"),
    ("/v1/inventory/batch", {"skus": []}, "skus", "FIELD_REQUIRED"),
    ("/v1/inventory/batch", {"skus": ["A"] * 501}, "skus", "FIELD_INVALID"),
    ("/v1/inventory/batch", {"skus": ["A", 1]}, "skus[1]", "FIELD_INVALID"),
    ("/v1/skus", changed(SKU, "price.amount_minor", -1), "price.amount_minor", "FIELD_INVALID"),
    ("/v1/skus", changed(SKU, "price.amount_minor", 9.99), "price.amount_minor", "FIELD_INVALID"),
    ("/v1/skus", changed(SKU, "price", ...), "price", "FIELD_REQUIRED"),
    ("/v1/skus", changed(SKU, "price", 999), "price", "FIELD_INVALID"),
    ("/v1/skus", changed(SKU, "name", ...), "name", "FIELD_REQUIRED"),
    ("/v1/skus", changed(SKU, "name", "n" * 201), "name", "FIELD_INVALID"),
    ("/v1/skus", changed(SKU, "attributes", []), "attributes", "FIELD_INVALID"),
    ("/v1/skus", changed(SKU, "attributes", DEEP), "attributes", "FIELD_INVALID"),
    ("/v1/skus", changed(SKU, "attributes", {"n": 2**53 + 1}), "attributes", "FIELD_INVALID"),
    ("/v1/skus/batch", {"skus": [SKU, {"sku": "B"}]}, "skus[1].name", "FIELD_REQUIRED"),
    ("/v1/locations", {"location": "b", "priority": 1001}, "priority", "FIELD_INVALID"),
    ("/v1/promotions/quote", {"lines": []}, "lines", "FIELD_REQUIRED"),
    ("/v1/customers/c/back-in-stock", {}, "sku", "FIELD_REQUIRED"),
    ("/v1/customers/c/back-in-stock", {"sku": ""}, "sku", "FIELD_REQUIRED"),
    ("/v1/customers/c/back-in-stock", {"sku": "x" * 65}, "sku", "FIELD_INVALID"),
    ("/v1/customers/c/back-in-stock", {"sku": 7}, "sku", "FIELD_INVALID"),
    ("/v1/customers/c/back-in-stock", {"sku": "A", "email": "x" * 255}, "email", "FIELD_INVALID"),
    ("/v1/customers/c/back-in-stock", {"sku": "A", "channel": None}, "channel", "FIELD_INVALID"),
    ("/v1/customers/c/back-in-stock", {"sku": "A", "phone": "1"}, "phone", "FIELD_INVALID"),
]


@pytest.mark.parametrize(("path", "body", "field", "reason"), BAD)
async def test_a_wrong_body_names_the_field(
    rest: httpx.AsyncClient, far_side: FarSide, path: str, body: Any, field: str, reason: str
) -> None:
    answer = await rest.post(path, json=body) if body is not None else await rest.post(path, content=b"null")
    assert answer.status_code == 422
    problem = answer.json()
    assert {"field": field, "reason": reason} in [
        {"field": error["field"], "reason": error["reason"]} for error in problem["errors"]
    ]
    assert problem["metadata"]["field"] == problem["errors"][0]["field"]
    assert problem["reason"] == problem["errors"][0]["reason"]
    assert not far_side.calls


@pytest.mark.parametrize(
    "raw",
    [b"{", b"lines=1", b"{'a': 1}", b'{"sku": "\xff"}', b'{"sku": "\\ud800"}', b"{} {}", b"[" * 5000, b'{"a": NaN,}'],
)
async def test_a_body_that_is_not_json_is_400(rest: httpx.AsyncClient, far_side: FarSide, raw: bytes) -> None:
    answer = await rest.post("/v1/orders", content=raw)
    assert answer.status_code == 400
    assert answer.json()["reason"] == "JSON_INVALID"
    assert not far_side.calls


async def test_numbers_that_are_not_finite_are_refused_in_attributes(
    rest: httpx.AsyncClient, far_side: FarSide
) -> None:
    for number in (b"NaN", b"Infinity", b"1e999"):
        sku = orjson.dumps(SKU)[:-1] + b',"attributes":{"n":%s}}' % number
        answer = await rest.post("/v1/skus", content=sku)
        assert answer.status_code in (400, 422)
    assert not far_side.calls


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/v1/inventory?page_size=501", "page_size"),
        ("/v1/inventory?page_size=-1", "page_size"),
        ("/v1/inventory?page_size=1.0", "page_size"),
        ("/v1/inventory?page_size=1_0", "page_size"),
        ("/v1/inventory?page_size=", "page_size"),
        ("/v1/inventory?page_size=99999999999999999999", "page_size"),
        ("/v1/inventory?low_stock=few", "low_stock"),
        ("/v1/inventory?lowstock=1", "lowstock"),
        ("/v1/inventory?location=a&location=b", "location"),
        ("/v1/inventory/A/movements?page_size=x", "page_size"),
        ("/v1/orders?status=confirmed", "status"),
        ("/v1/orders?status=UNSPECIFIED", "status"),
        ("/v1/orders?from=yesterday", "from"),
        ("/v1/orders?from=2026-11-31", "from"),
        ("/v1/orders?to=2026-11-20T10:00:00", "to"),
        ("/v1/orders?to=9999-12-31", "to"),
        ("/v1/orders?placed_from=2026-11-01", "placed_from"),
        ("/v1/skus?page_size=abc", "page_size"),
        ("/v1/customers/c/purchases?page_size=501", "page_size"),
        ("/v1/customers/c/back-in-stock?page_size=-1", "page_size"),
        ("/v1/customers/c/purchases?since=2026-11-01", "since"),
    ],
)
async def test_a_wrong_query_names_the_parameter(
    rest: httpx.AsyncClient, far_side: FarSide, path: str, field: str
) -> None:
    answer = await rest.get(path)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert not far_side.calls


async def test_a_body_of_wrong_fields_only_is_not_answered_at_length(rest: httpx.AsyncClient) -> None:
    answer = await rest.post("/v1/orders", json={f"wrong{number}": 1 for number in range(10_000)})
    assert answer.status_code == 422
    assert len(answer.json()["errors"]) == 100
    answer = await rest.post("/v1/orders", json={"w" * 100_000: 1})
    assert len(answer.content) < 10_000


async def test_a_body_over_one_megabyte_is_413(rest: httpx.AsyncClient, far_side: FarSide) -> None:
    large = b'{"reason":"' + b"x" * (1024 * 1024) + b'"}'
    answer = await rest.post("/v1/orders", content=large)
    assert (answer.status_code, answer.json()["reason"]) == (413, "BODY_TOO_LARGE")
    assert not far_side.calls


async def test_a_body_that_grows_over_one_megabyte_is_413(rest: httpx.AsyncClient, far_side: FarSide) -> None:
    async def pieces() -> Any:
        for _ in range(20):
            yield b" " * 65_536

    answer = await rest.post("/v1/orders", content=pieces())
    assert (answer.status_code, answer.json()["reason"]) == (413, "BODY_TOO_LARGE")
    assert not far_side.calls
