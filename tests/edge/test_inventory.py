"""Routes of stock levels: the calls to the service, the answers to the caller."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from gen.inventory.v1 import stock_service_pb2 as pb
from gen.inventory.v1.movement_pb2 import Movement
from gen.inventory.v1.stock_pb2 import LotLevel, StockLevel
from tests.edge.far_side import FarSide

NUMBERS: dict[str, Any] = {"on_hand": 10, "reserved": 1, "committed": 2, "unavailable": 3, "available": 4}
LEVEL = StockLevel(
    sku="SERUM-30",
    location="berlin",
    **NUMBERS,
    backorder_limit=5,
    version=7,
    lots=[
        LotLevel(lot="L1", on_hand=4, manufacture_date="2026-01-01", expiry_date="2027-01-31"),
        LotLevel(on_hand=6, expired=True),
    ],
)
LEVEL_REST = {"sku": "SERUM-30", "location": "berlin", **NUMBERS, "backorder_limit": 5, "version": 7}


async def test_levels_are_listed_by_place_category_and_low_stock(rest: httpx.AsyncClient, far_side: FarSide) -> None:
    far_side.answers("ListStock", pb.ListStockResponse(levels=[LEVEL], next_page_token="n"))
    query = "location=berlin&category=skincare&low_stock=0&page_size=2&page_token=t"
    answer = await rest.get(f"/v1/inventory?{query}")
    assert answer.json() == {"levels": [LEVEL_REST], "next_page_token": "n"}
    request = far_side.last.request
    assert (request.location, request.category, request.page_size, request.page_token) == (
        "berlin",
        "skincare",
        2,
        "t",
    )
    assert request.HasField("available_at_most")
    assert request.available_at_most == 0


async def test_without_low_stock_levels_are_not_filtered_by_it(rest: httpx.AsyncClient, far_side: FarSide) -> None:
    await rest.get("/v1/inventory")
    assert not far_side.last.request.HasField("available_at_most")


async def test_one_sku_shows_sums_on_top_then_locations_with_lots(rest: httpx.AsyncClient, far_side: FarSide) -> None:
    far_side.answers("GetStock", pb.GetStockResponse(stock=pb.SkuStock(sku="A/1", **NUMBERS, levels=[LEVEL])))
    answer = await rest.get("/v1/inventory/A%2F1")
    assert far_side.last.request.sku == "A/1"
    lots = [
        {
            "lot": "L1",
            "on_hand": 4,
            "manufacture_date": "2026-01-01",
            "expiry_date": "2027-01-31",
            "expired": False,
        },
        {"lot": "", "on_hand": 6, "manufacture_date": None, "expiry_date": None, "expired": True},
    ]
    place = {"location": "berlin", **NUMBERS, "backorder_limit": 5, "version": 7, "lots": lots}
    assert answer.json() == {"sku": "A/1", **NUMBERS, "locations": [place]}


async def test_goods_are_received_into_a_lot(rest: httpx.AsyncClient, far_side: FarSide) -> None:
    far_side.answers("ReceiveStock", pb.ReceiveStockResponse(level=LEVEL))
    body = {
        "sku": "SERUM-30",
        "location": "berlin",
        "quantity": 10,
        "lot": "L1",
        "manufacture_date": "2026-01-01",
        "expiry_date": "2027-01-31",
        "reason": "PO 7",
    }
    answer = await rest.post("/v1/inventory", json=body)
    assert answer.status_code == 201
    assert answer.headers["etag"] == '"7"'
    assert answer.json() == LEVEL_REST
    request = far_side.last.request
    assert {name: getattr(request, name) for name in body} == body


@pytest.mark.parametrize("tag", ['"7"', 'W/"7"'])
async def test_a_level_is_set_when_its_version_is_the_expected_one(
    rest: httpx.AsyncClient, far_side: FarSide, tag: str
) -> None:
    far_side.answers("SetStock", pb.SetStockResponse(level=LEVEL))
    body = {"on_hand": 0, "backorder_limit": 5, "reason": "count", "lot": "L1"}
    answer = await rest.put("/v1/inventory/A%2F1/berlin", json=body, headers={"If-Match": tag})
    assert answer.status_code == 200
    request = far_side.last.request
    assert (request.sku, request.location, request.expected_version) == ("A/1", "berlin", 7)
    assert (request.on_hand, request.backorder_limit, request.reason, request.lot) == (0, 5, "count", "L1")
    assert request.HasField("on_hand")


@pytest.mark.parametrize("headers", [{}, {"If-Match": "*"}])
async def test_a_level_is_set_whatever_it_is_without_a_version(
    rest: httpx.AsyncClient, far_side: FarSide, headers: dict[str, str]
) -> None:
    await rest.put("/v1/inventory/SERUM-30/berlin", json={"on_hand": 3}, headers=headers)
    assert not far_side.last.request.HasField("expected_version")
    assert not far_side.last.request.HasField("backorder_limit")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "/v1/inventory/SERUM-30/berlin", {"on_hand": 3}),
        ("PATCH", "/v1/skus/SERUM-30", {"name": "Serum"}),
        ("PATCH", "/v1/webhook-endpoints/whe_0123456789abcdef0123456789", {"enabled": True}),
    ],
)
@pytest.mark.parametrize("tag", ['""', 'W/""', '"seven"', '"-1"', '"07"'])
async def test_an_entity_tag_that_nothing_ever_had_never_matches(
    rest: httpx.AsyncClient, far_side: FarSide, tag: str, method: str, path: str, body: dict[str, Any]
) -> None:
    answer = await rest.request(method, path, json=body, headers={"If-Match": tag})
    assert (answer.status_code, answer.json()["reason"]) == (412, "VERSION_STALE")
    assert not far_side.calls


@pytest.mark.parametrize("tag", ["7", '"7", "8"', '"', "", '"7'])
async def test_an_if_match_that_is_no_entity_tag_is_refused(
    rest: httpx.AsyncClient, far_side: FarSide, tag: str
) -> None:
    answer = await rest.put("/v1/inventory/SERUM-30/berlin", json={"on_hand": 3}, headers={"If-Match": tag})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "If-Match"
    assert not far_side.calls


async def test_a_level_is_corrected_by_a_delta_at_its_own_path_and_by_name(
    rest: httpx.AsyncClient, far_side: FarSide
) -> None:
    far_side.answers("AdjustStock", pb.AdjustStockResponse(level=LEVEL))
    change = {"delta": -2, "reason": "broken", "lot": "L1"}
    at_path = await rest.patch("/v1/inventory/SERUM-30/berlin", json=change)
    by_name = await rest.post("/v1/inventory/adjust", json={"sku": "SERUM-30", "location": "berlin", **change})
    assert at_path.status_code == by_name.status_code == 200
    assert at_path.json() == by_name.json() == LEVEL_REST
    for call in far_side.calls:
        request = call.request
        assert (request.sku, request.location, request.delta) == ("SERUM-30", "berlin", -2)
        assert (request.reason, request.lot) == ("broken", "L1")


async def test_many_skus_are_read_at_once_and_unknown_ones_named(rest: httpx.AsyncClient, far_side: FarSide) -> None:
    stock = pb.SkuStock(sku="SERUM-30", **NUMBERS)
    far_side.answers("BatchGetStock", pb.BatchGetStockResponse(stocks=[stock], missing=["NO"]))
    answer = await rest.post("/v1/inventory/batch", json={"skus": ["SERUM-30", "NO"]})
    assert answer.json() == {"stocks": [{"sku": "SERUM-30", **NUMBERS, "locations": []}], "missing": ["NO"]}
    assert list(far_side.last.request.skus) == ["SERUM-30", "NO"]


async def test_movements_of_a_sku_are_listed(rest: httpx.AsyncClient, far_side: FarSide) -> None:
    movement = Movement(
        id=9,
        kind=Movement.KIND_RECEIVE,
        reference="req_1",
        sku="A/1",
        location="berlin",
        lot="L1",
        on_hand_delta=10,
        reason="PO",
    )
    movement.create_time.FromJsonString("2026-11-20T10:03:17Z")
    far_side.answers("ListMovements", pb.ListMovementsResponse(movements=[movement], next_page_token="n"))
    answer = await rest.get("/v1/inventory/A%2F1/movements?location=berlin&page_size=5&page_token=t")
    request = far_side.last.request
    assert (request.sku, request.location, request.page_size, request.page_token) == ("A/1", "berlin", 5, "t")
    assert answer.json() == {
        "movements": [
            {
                "id": 9,
                "kind": "RECEIVE",
                "reference": "req_1",
                "sku": "A/1",
                "location": "berlin",
                "lot": "L1",
                "on_hand_delta": 10,
                "reserved_delta": 0,
                "committed_delta": 0,
                "unavailable_delta": 0,
                "reason": "PO",
                "created_at": "2026-11-20T10:03:17Z",
            }
        ],
        "next_page_token": "n",
    }
