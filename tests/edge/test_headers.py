"""Idempotency-Key, bearer token, request id and deadline: their effect on the call to the service."""

from __future__ import annotations

import re

import httpx
import pytest
from grpc import StatusCode

from chassis.errors import ServiceError
from edge import headers
from gen.inventory.v1 import stock_service_pb2
from gen.order.v1 import order_service_pb2
from tests.edge.conftest import TOKEN
from tests.edge.far_side import FarSide
from tests.edge.test_orders import BODY as ORDER

OUR_ID = re.compile(r"[A-Za-z0-9._:\-]{1,100}")
RECEIVE = {"sku": "A", "location": "berlin", "quantity": 1}


async def request_id_of(
    rest: httpx.AsyncClient, far_side: FarSide, key: str | None, path: str = "/v1/inventory"
) -> str:
    sent = {} if key is None else {"Idempotency-Key": key}
    if path == "/v1/inventory":
        await rest.post(path, json=RECEIVE, headers=sent)
    else:
        await rest.patch(path, json={"delta": 1, "reason": "found"}, headers=sent)
    request_id = str(far_side.last.request.request_id)
    assert OUR_ID.fullmatch(request_id)
    return request_id


async def test_the_same_key_on_the_same_path_is_the_same_request(rest: httpx.AsyncClient, far_side: FarSide) -> None:
    first = await request_id_of(rest, far_side, "my key/1")
    assert await request_id_of(rest, far_side, "my key/1") == first
    assert await request_id_of(rest, far_side, "my key/2") != first
    assert await request_id_of(rest, far_side, "my key/1", "/v1/inventory/A/berlin") != first


async def test_the_same_key_on_another_thing_is_another_request(rest: httpx.AsyncClient, far_side: FarSide) -> None:
    paths = ["/v1/inventory/A/berlin", "/v1/inventory/B/berlin", "/v1/inventory/A/paris", "/v1/inventory/A%2FB/c"]
    ids = {await request_id_of(rest, far_side, "k", path) for path in paths}
    assert len(ids) == len(paths)


async def test_without_a_key_every_request_is_new(rest: httpx.AsyncClient, far_side: FarSide) -> None:
    assert await request_id_of(rest, far_side, None) != await request_id_of(rest, far_side, None)


def test_derived_ids_never_change_between_releases() -> None:
    derived = headers.derived_id("ord", "operator", "POST /v1/orders", "key-1")
    assert derived == "ord_2fb46c9512aa1cc03e20b6423ca6c2f6"
    assert headers.derived_id("ord", "a", "bc") != headers.derived_id("ord", "ab", "c")


@pytest.mark.parametrize("key", ["", "x" * 256, "tab\tinside", "ümlaut".encode("latin-1").decode("latin-1")])
async def test_a_key_that_is_not_printable_or_too_long_is_refused(
    rest: httpx.AsyncClient, far_side: FarSide, key: str
) -> None:
    raw = [(b"Idempotency-Key", key.encode("latin-1"))]
    answer = await rest.post("/v1/inventory", json=RECEIVE, headers=httpx.Headers(raw))
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "Idempotency-Key"
    assert not far_side.calls


async def test_a_replayed_answer_says_so_and_a_first_one_does_not(rest: httpx.AsyncClient, far_side: FarSide) -> None:
    sent = {"Idempotency-Key": "k1"}
    assert "idempotency-replayed" not in (await rest.post("/v1/orders", json=ORDER, headers=sent)).headers
    far_side.answers("PlaceOrder", order_service_pb2.PlaceOrderResponse(replayed=True))
    far_side.answers("ReceiveStock", stock_service_pb2.ReceiveStockResponse(replayed=True))
    for path, body in (("/v1/orders", ORDER), ("/v1/inventory", RECEIVE)):
        assert (await rest.post(path, json=body, headers=sent)).headers["idempotency-replayed"] == "true"


async def test_a_reused_key_with_another_body_is_refused_by_the_service(
    rest: httpx.AsyncClient, far_side: FarSide
) -> None:
    reused = ServiceError(StatusCode.INVALID_ARGUMENT, "REQUEST_ID_REUSED", "used", {"request_id": "r-1"})
    far_side.answers("PlaceOrder", reused)
    answer = await rest.post("/v1/orders", json=ORDER, headers={"Idempotency-Key": "k1"})
    assert (answer.status_code, answer.json()["reason"]) == (422, "REQUEST_ID_REUSED")


@pytest.mark.parametrize(
    "given", [None, "Bearer", "Bearer ", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}2", TOKEN]
)
async def test_without_the_token_nothing_is_done(
    anonymous: httpx.AsyncClient, far_side: FarSide, given: str | None
) -> None:
    sent = {} if given is None else {"Authorization": given}
    for method, path in (("POST", "/v1/orders"), ("GET", "/v1/skus/A"), ("GET", "/v1/unknown"), ("GET", "/")):
        answer = await anonymous.request(method, path, headers=sent)
        assert (answer.status_code, answer.json()["reason"]) == (401, "TOKEN_INVALID")
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert answer.headers["content-type"] == "application/problem+json"
        assert "x-request-id" in answer.headers
    assert not far_side.calls


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/openapi.json", "/docs"])
async def test_probes_and_documentation_need_no_token(
    anonymous: httpx.AsyncClient, far_side: FarSide, path: str
) -> None:
    assert (await anonymous.get(path)).status_code == 200


async def test_the_scheme_of_the_token_has_no_case(anonymous: httpx.AsyncClient, far_side: FarSide) -> None:
    answer = await anonymous.get("/v1/locations", headers={"Authorization": f"bearer {TOKEN}"})
    assert answer.status_code == 200


async def test_a_request_id_goes_through_to_the_service_and_back(rest: httpx.AsyncClient, far_side: FarSide) -> None:
    answer = await rest.get("/v1/locations", headers={"X-Request-Id": "trace:1.a-b_c"})
    assert answer.headers["x-request-id"] == "trace:1.a-b_c"
    assert far_side.last.metadata["x-request-id"] == "trace:1.a-b_c"


@pytest.mark.parametrize("given", [None, "", "with blank", "x" * 101, "line\u00e9"])
async def test_a_request_id_is_made_when_none_or_no_usable_one_came(
    rest: httpx.AsyncClient, far_side: FarSide, given: str | None
) -> None:
    raw = [] if given is None else [(b"X-Request-Id", given.encode("latin-1"))]
    answer = await rest.get("/v1/locations", headers=httpx.Headers(raw))
    assert OUR_ID.fullmatch(answer.headers["x-request-id"])
    assert answer.headers["x-request-id"] != given
    assert far_side.last.metadata["x-request-id"] == answer.headers["x-request-id"]


async def test_the_caller_may_set_the_deadline(rest: httpx.AsyncClient, far_side: FarSide) -> None:
    await rest.get("/v1/locations", headers={"X-Request-Timeout-Ms": "30000"})
    assert 20 < far_side.last.remaining_s < 31
    await rest.post("/v1/orders", json=ORDER, headers={"X-Request-Timeout-Ms": "1000"})
    assert far_side.last.remaining_s < 2


@pytest.mark.parametrize("given", ["0", "-1", "60001", "1.5", "soon", ""])
async def test_a_deadline_that_is_none_is_refused(rest: httpx.AsyncClient, far_side: FarSide, given: str) -> None:
    answer = await rest.get("/v1/locations", headers={"X-Request-Timeout-Ms": given})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "X-Request-Timeout-Ms"
    assert not far_side.calls
