"""Each row of the error table: a service's refusal becomes the right problem, and no internals leak."""

from __future__ import annotations

import httpx
import pytest
from grpc import StatusCode

from chassis import errors
from chassis.errors import FieldViolation, ServiceError
from tests.edge.far_side import FarSide

MEMBERS = {"type", "title", "status", "detail", "reason", "metadata", "request_id"}
TABLE = [
    (StatusCode.INVALID_ARGUMENT, "REQUEST_ID_REUSED", 422),
    (StatusCode.NOT_FOUND, "SKU_NOT_FOUND", 404),
    (StatusCode.ALREADY_EXISTS, "SKU_TAKEN", 409),
    (StatusCode.FAILED_PRECONDITION, "RESERVATION_EXPIRED", 409),
    (StatusCode.FAILED_PRECONDITION, "PAYMENT_DECLINED", 402),
    (StatusCode.ABORTED, "VERSION_STALE", 409),
    (StatusCode.ABORTED, "RESERVATION_ABORTED", 409),
    (StatusCode.RESOURCE_EXHAUSTED, "RATE_LIMITED", 429),
    (StatusCode.RESOURCE_EXHAUSTED, "OVERLOADED", 503),
    (StatusCode.ABORTED, "TRANSACTION_CONFLICT", 503),
    (StatusCode.UNAUTHENTICATED, "TOKEN_EXPIRED", 401),
    (StatusCode.PERMISSION_DENIED, "SCOPE_MISSING", 403),
    (StatusCode.UNAVAILABLE, "GATE_REBUILDING", 503),
    (StatusCode.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED", 504),
]


@pytest.mark.parametrize(("code", "reason", "status"), TABLE)
async def test_a_refusal_becomes_the_problem_of_its_row(
    rest: httpx.AsyncClient, far_side: FarSide, code: StatusCode, reason: str, status: int
) -> None:
    far_side.answers("GetSku", ServiceError(code, reason, "what people read", {"sku": "A"}))
    answer = await rest.get("/v1/skus/A", headers={"X-Request-Id": "me-1"})
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem.keys() == MEMBERS | ({"errors"} if problem.get("errors") else set())
    assert (problem["status"], problem["reason"], problem["request_id"]) == (status, reason, "me-1")
    assert problem["metadata"] == {"sku": "A"}
    assert problem["type"] == f"urn:one-stock:problem:{reason.lower().replace('_', '-')}"
    assert ("retry-after" in answer.headers) == (status in (429, 503))


@pytest.mark.parametrize(("after_ms", "seconds"), [(None, "1"), (1, "1"), (1000, "1"), (1001, "2"), (30_000, "30")])
async def test_retry_after_is_whole_seconds_and_never_too_early(
    rest: httpx.AsyncClient, far_side: FarSide, after_ms: int | None, seconds: str
) -> None:
    error = ServiceError(StatusCode.UNAVAILABLE, "GATE_REBUILDING", "wait", {}, (), after_ms)
    far_side.answers("GetSku", error)
    assert (await rest.get("/v1/skus/A")).headers["retry-after"] == seconds


async def test_a_stale_version_is_412_when_the_caller_sent_one(rest: httpx.AsyncClient, far_side: FarSide) -> None:
    stale = ServiceError(StatusCode.ABORTED, "VERSION_STALE", "changed", {"expected": "3", "actual": "4"})
    far_side.answers("SetStock", stale)
    answer = await rest.put("/v1/inventory/A/berlin", json={"on_hand": 1}, headers={"If-Match": '"3"'})
    assert answer.status_code == 412
    assert answer.json()["metadata"] == {"expected": "3", "actual": "4"}


@pytest.mark.parametrize("code", [StatusCode.INTERNAL, StatusCode.UNKNOWN, StatusCode.DATA_LOSS])
async def test_our_bugs_are_500_and_say_nothing_of_themselves(
    rest: httpx.AsyncClient, far_side: FarSide, code: StatusCode
) -> None:
    far_side.answers("GetSku", ServiceError(code, "SECRET", "psycopg at 10.0.0.7", {"password": "x"}))
    answer = await rest.get("/v1/skus/A")
    assert answer.status_code == 500
    assert answer.json()["reason"] == "INTERNAL"
    assert answer.json()["metadata"] == {}
    assert "psycopg" not in answer.text
    assert "SECRET" not in answer.text


async def test_an_exception_in_a_service_is_500(rest: httpx.AsyncClient, far_side: FarSide) -> None:
    far_side.answers("GetSku", RuntimeError("psycopg at 10.0.0.7"))
    answer = await rest.get("/v1/skus/A")
    assert (answer.status_code, answer.json()["reason"]) == (500, "INTERNAL")
    assert "psycopg" not in answer.text


async def test_an_exception_of_the_edge_itself_is_500(
    rest: httpx.AsyncClient, far_side: FarSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_sku: object) -> None:
        raise RuntimeError("the secret of 10.0.0.7")

    monkeypatch.setattr("edge.routes.skus.to_rest", broken)
    answer = await rest.get("/v1/skus/A", headers={"X-Request-Id": "me-2"})
    assert (answer.status_code, answer.headers["x-request-id"]) == (500, "me-2")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["request_id"] == "me-2"
    assert "10.0.0.7" not in answer.text


async def test_short_stock_says_which_lines_how_many_and_when_more_may_come(
    rest: httpx.AsyncClient, far_side: FarSide
) -> None:
    metadata = {
        "lines": "0,2",
        "lines[2].sku": "B",
        "lines[2].requested": "9",
        "lines[2].available": "-1",
        "lines[0].sku": "A",
        "lines[0].requested": "2",
        "lines[0].available": "1",
        "next_lapse_time": "2026-11-20T10:03:17Z",
    }
    error = ServiceError(StatusCode.FAILED_PRECONDITION, "INSUFFICIENT_STOCK", "short of A, B", metadata)
    far_side.answers("ReserveStock", error)
    answer = await rest.post("/v1/inventory/reserve", json={"lines": [{"sku": "A", "quantity": 2}]})
    assert answer.status_code == 409
    problem = answer.json()
    assert problem["metadata"] == metadata
    assert problem["lines"] == [
        {"line": 0, "sku": "A", "requested": 2, "available": 1},
        {"line": 2, "sku": "B", "requested": 9, "available": -1},
    ]


async def test_wrong_fields_are_listed_with_their_paths_and_reasons(rest: httpx.AsyncClient, far_side: FarSide) -> None:
    wrong = [
        FieldViolation("lines[0].quantity", "FIELD_INVALID", "must be from 1 to 1000000"),
        FieldViolation("currency", "FIELD_REQUIRED", "is required"),
    ]
    far_side.answers("ReserveStock", errors.invalid_fields(wrong))
    answer = await rest.post("/v1/inventory/reserve", json={"lines": [{"sku": "A", "quantity": 2}]})
    assert answer.status_code == 422
    assert answer.json()["detail"] == "lines[0].quantity: must be from 1 to 1000000"
    assert answer.json()["errors"] == [
        {"field": "lines[0].quantity", "reason": "FIELD_INVALID", "message": "must be from 1 to 1000000"},
        {"field": "currency", "reason": "FIELD_REQUIRED", "message": "is required"},
    ]


SKU = {"sku": "A", "name": "a", "price": {"currency": "EUR", "amount_minor": 1}}
RESERVE = {"lines": [{"sku": "A", "quantity": 1}, {"sku": "B", "quantity": 1, "location": "berlin"}]}
ORDERED = {"lines": [{"sku": "A", "quantity": 1}], "currency": "EUR", "channel": "web"}


@pytest.mark.parametrize(
    ("verb", "path", "body", "method", "proto_path", "rest_path"),
    [
        ("POST", "/v1/skus", SKU, "CreateSku", "sku.price.currency", "price.currency"),
        ("POST", "/v1/skus", SKU, "CreateSku", "sku.sku", "sku"),
        ("PATCH", "/v1/skus/A", {"name": "a"}, "UpdateSku", "sku.name", "name"),
        ("PATCH", "/v1/skus/A", {"name": "a"}, "UpdateSku", "sku.etag", "If-Match"),
        (
            "POST",
            "/v1/skus/batch",
            {"skus": [SKU]},
            "BatchUpsertSkus",
            "skus[0].sku",
            "skus[0].sku",
        ),
        ("POST", "/v1/locations", {"location": "a"}, "CreateLocation", "location.time_zone", "time_zone"),
        ("POST", "/v1/locations", {"location": "a"}, "CreateLocation", "location.location", "location"),
        ("GET", "/v1/inventory", None, "ListStock", "available_at_most", "low_stock"),
        ("PUT", "/v1/inventory/A/b", {"on_hand": 1}, "SetStock", "expected_version", "If-Match"),
        ("GET", "/v1/orders", None, "ListOrders", "customer_id", "customer"),
        ("GET", "/v1/orders", None, "ListOrders", "create_time_from", "from"),
        ("POST", "/v1/inventory/reserve", RESERVE, "ReserveStock", "lines[1].locations[0]", "lines[1].location"),
        ("POST", "/v1/inventory/reserve", RESERVE, "ReserveStock", "lines[0].locations[0]", "lines[0].locations[0]"),
        ("POST", "/v1/promotions/quote", ORDERED, "BatchGetSkus", "cart.customer_id", "customer.id"),
        ("POST", "/v1/promotions/quote", ORDERED, "BatchGetSkus", "cart.lines[0].sku", "lines[0].sku"),
    ],
)
async def test_a_field_is_named_as_the_caller_knows_it(
    rest: httpx.AsyncClient,
    far_side: FarSide,
    verb: str,
    path: str,
    body: object,
    method: str,
    proto_path: str,
    rest_path: str,
) -> None:
    far_side.answers(method, errors.invalid(proto_path, "FIELD_INVALID", "is wrong"))
    answer = await rest.request(verb, path, json=body)
    assert answer.status_code == 422
    problem = answer.json()
    assert problem["errors"] == [{"field": rest_path, "reason": "FIELD_INVALID", "message": "is wrong"}]
    assert problem["metadata"] == {"field": rest_path}
    assert problem["detail"] == f"{rest_path}: is wrong"


async def test_a_page_token_of_another_query_names_its_field(rest: httpx.AsyncClient, far_side: FarSide) -> None:
    error = ServiceError(StatusCode.INVALID_ARGUMENT, "PAGE_TOKEN_INVALID", "not ours", {"field": "page_token"})
    far_side.answers("ListSkus", error)
    answer = await rest.get("/v1/skus?page_token=x")
    assert answer.status_code == 422
    assert answer.json()["errors"] == [{"field": "page_token", "reason": "PAGE_TOKEN_INVALID", "message": "not ours"}]


@pytest.mark.parametrize(
    ("method", "path", "status", "reason"),
    [
        ("GET", "/v1/nothing", 404, "ROUTE_NOT_FOUND"),
        ("GET", "/", 404, "ROUTE_NOT_FOUND"),
        ("GET", "/v1/skus/", 404, "ROUTE_NOT_FOUND"),
        ("DELETE", "/v1/orders", 405, "METHOD_NOT_ALLOWED"),
        ("GET", "/v1/inventory/reserve/x/y/z", 404, "ROUTE_NOT_FOUND"),
        ("BREW", "/v1/skus", 405, "METHOD_NOT_ALLOWED"),
    ],
)
async def test_what_is_not_there_is_a_problem_too(
    rest: httpx.AsyncClient, method: str, path: str, status: int, reason: str
) -> None:
    answer = await rest.request(method, path)
    assert (answer.status_code, answer.json()["reason"]) == (status, reason)
    assert answer.headers["content-type"] == "application/problem+json"
    assert ("allow" in answer.headers) == (status == 405)


async def test_a_wrong_method_learns_all_the_right_ones(rest: httpx.AsyncClient) -> None:
    assert (await rest.delete("/v1/skus/A%2F1")).headers["allow"] == "GET, HEAD, PATCH"
    assert (await rest.delete("/v1/orders")).headers["allow"] == "GET, HEAD, POST"


@pytest.mark.parametrize(
    "path", ["/v1/inventory/reserve", "/v1/inventory/adjust", "/v1/inventory/batch", "/v1/skus/batch"]
)
async def test_a_path_that_is_spelled_out_is_never_a_skus(
    rest: httpx.AsyncClient, far_side: FarSide, path: str
) -> None:
    for method in ("GET", "HEAD", "PATCH", "OPTIONS"):
        answer = await rest.request(method, path)
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert not far_side.calls


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/v1/inventory/reservations/rsv_1", "GET, HEAD"),
        ("PUT", "/v1/inventory/SERUM-30/movements", "GET, HEAD"),
        ("GET", "/v1/inventory/SERUM-30/berlin", "PATCH, PUT"),
    ],
)
async def test_the_more_exact_path_decides_which_methods_there_are(
    rest: httpx.AsyncClient, far_side: FarSide, method: str, path: str, allowed: str
) -> None:
    answer = await rest.request(method, path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
    assert not far_side.calls


async def test_words_that_begin_with_the_protos_path_do_not_say_it_twice(
    rest: httpx.AsyncClient, far_side: FarSide
) -> None:
    far_side.answers("CreateSku", errors.invalid("sku.name", "FIELD_INVALID", "sku.name: is wrong"))
    problem = (await rest.post("/v1/skus", json=SKU)).json()
    assert problem["detail"] == "name: is wrong"
    assert problem["errors"] == [{"field": "name", "reason": "FIELD_INVALID", "message": "is wrong"}]


async def test_a_refusal_that_was_given_before_says_so_in_the_header(
    rest: httpx.AsyncClient, far_side: FarSide
) -> None:
    metadata = {"order_id": "ord_1", "replayed": "true"}
    far_side.answers("GetSku", ServiceError(StatusCode.FAILED_PRECONDITION, "PAYMENT_DECLINED", "no", metadata))
    answer = await rest.get("/v1/skus/SERUM-30")
    assert (answer.status_code, answer.headers["Idempotency-Replayed"]) == (402, "true")
    assert answer.json()["metadata"] == {"order_id": "ord_1"}
