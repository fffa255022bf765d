"""Routes of skus and locations: the calls to the service, the answers to the caller."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from google.protobuf.json_format import MessageToDict

from gen.inventory.v1 import catalog_service_pb2 as pb
from gen.inventory.v1 import stock_service_pb2
from gen.inventory.v1.location_pb2 import Location
from gen.inventory.v1.sku_pb2 import Sku
from tests.edge.far_side import FarSide

ATTRIBUTES: dict[str, Any] = {
    "shade": "ruby",
    "size_ml": 30,
    "ratio": 0.5,
    "vegan": True,
    "none": None,
    "fits": [{"make": "VW", "from": 1993}],
    "warranty": {"months": 24},
}


PRICE = {"currency": "EUR", "amount_minor": 2599}


def stored_sku(**changed: str) -> Sku:
    sku = Sku(sku="SERUM-30", name="Serum", category="skincare/serum", brand="Aurea", etag="7")
    sku.price.currency, sku.price.amount_minor = "EUR", 2599
    sku.attributes.update(ATTRIBUTES)
    sku.create_time.FromJsonString("2026-11-20T10:03:17.250Z")
    for name, value in changed.items():
        setattr(sku, name, value)
    return sku


async def test_a_sku_is_created_with_all_it_was_given(rest: httpx.AsyncClient, far_side: FarSide) -> None:
    far_side.answers("CreateSku", pb.CreateSkuResponse(sku=stored_sku()))
    answer = await rest.post(
        "/v1/skus",
        json={
            "sku": "SERUM-30",
            "name": "Serum",
            "category": "skincare/serum",
            "brand": "Aurea",
            "price": PRICE,
            "attributes": ATTRIBUTES,
            "parent_product": "SERUM",
        },
    )
    assert answer.status_code == 201
    assert answer.headers["etag"] == '"7"'
    assert answer.json() == {
        "sku": "SERUM-30",
        "name": "Serum",
        "category": "skincare/serum",
        "brand": "Aurea",
        "price": {"currency": "EUR", "amount_minor": 2599},
        "attributes": ATTRIBUTES,
        "parent_product": "",
        "etag": "7",
        "created_at": "2026-11-20T10:03:17.250000Z",
        "updated_at": None,
    }
    sent = far_side.last.request.sku
    assert (sent.sku, sent.name, sent.parent_product) == ("SERUM-30", "Serum", "SERUM")
    assert (sent.price.currency, sent.price.amount_minor) == ("EUR", 2599)
    assert MessageToDict(sent.attributes) == ATTRIBUTES


async def test_a_sku_with_a_slash_is_read_by_its_encoded_name(rest: httpx.AsyncClient, far_side: FarSide) -> None:
    far_side.answers("GetSku", pb.GetSkuResponse(sku=stored_sku(sku="AB/12")))
    answer = await rest.get("/v1/skus/AB%2f12")
    assert answer.status_code == 200
    assert answer.json()["sku"] == "AB/12"
    assert far_side.last.request.sku == "AB/12"


async def test_a_patch_masks_exactly_the_fields_it_names(rest: httpx.AsyncClient, far_side: FarSide) -> None:
    far_side.answers("UpdateSku", pb.UpdateSkuResponse(sku=stored_sku(), replayed=True))
    body = {"name": "New", "price": {"currency": "EUR", "amount_minor": 1}, "category": ""}
    answer = await rest.patch("/v1/skus/SERUM-30", json=body, headers={"If-Match": '"6"'})
    assert answer.status_code == 200
    assert answer.headers["idempotency-replayed"] == "true"
    request = far_side.last.request
    assert list(request.update_mask.paths) == ["category", "name", "price"]
    assert (request.sku.sku, request.sku.name, request.sku.etag) == ("SERUM-30", "New", "6")


async def test_a_price_cannot_be_taken_away(rest: httpx.AsyncClient, far_side: FarSide) -> None:
    answer = await rest.patch("/v1/skus/SERUM-30", json={"price": None})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "price")
    assert not far_side.calls


@pytest.mark.parametrize("path", ["/v1/skus/SERUM-30", "/v1/webhook-endpoints/whe_0123456789abcdef0123456789"])
async def test_a_patch_that_changes_nothing_is_refused(rest: httpx.AsyncClient, far_side: FarSide, path: str) -> None:
    answer = await rest.patch(path, json={})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "body")
    assert not far_side.calls


@pytest.mark.parametrize("number", ["1e300", "1e19", "-1e16", "9007199254740993", "9007199254740994.0"])
async def test_attributes_hold_no_number_that_would_arrive_as_another_one(
    rest: httpx.AsyncClient, far_side: FarSide, number: str
) -> None:
    for value in (number, f'{{"deep": [{number}]}}'):
        answer = await rest.patch("/v1/skus/SERUM-30", content=f'{{"attributes": {{"a": {value}}}}}')
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "attributes")
    assert not far_side.calls


async def test_attributes_hold_the_text_of_an_escaped_nul_but_no_nul(
    rest: httpx.AsyncClient, far_side: FarSide
) -> None:
    answer = await rest.patch("/v1/skus/SERUM-30", json={"attributes": {"a": "\\u0000", "\\u0000": 1}})
    assert answer.status_code == 200
    assert MessageToDict(far_side.last.request.sku.attributes) == {"a": "\\u0000", "\\u0000": 1}
    for attributes in ({"a": "\0"}, {"\0": 1}, {"a": [{"b": "\0"}]}):
        answer = await rest.patch("/v1/skus/SERUM-30", json={"attributes": attributes})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "attributes")


async def test_skus_are_listed_a_page_at_a_time(rest: httpx.AsyncClient, far_side: FarSide) -> None:
    far_side.answers("ListSkus", pb.ListSkusResponse(skus=[stored_sku()], next_page_token="next"))
    answer = await rest.get("/v1/skus?page_size=10&page_token=t&category=skincare&parent_product=P")
    assert [sku["sku"] for sku in answer.json()["skus"]] == ["SERUM-30"]
    assert answer.json()["next_page_token"] == "next"
    request = far_side.last.request
    assert (request.page_size, request.page_token, request.category, request.parent_product) == (
        10,
        "t",
        "skincare",
        "P",
    )


async def test_skus_are_upserted_in_one_batch(rest: httpx.AsyncClient, far_side: FarSide) -> None:
    far_side.answers("BatchUpsertSkus", pb.BatchUpsertSkusResponse(created=2, updated=1))
    skus = [{"sku": f"A-{number}", "name": "a", "price": PRICE} for number in range(3)]
    answer = await rest.post("/v1/skus/batch", json={"skus": skus})
    assert answer.status_code == 200
    assert answer.json() == {"created": 2, "updated": 1}
    assert [sku.sku for sku in far_side.last.request.skus] == ["A-0", "A-1", "A-2"]


async def test_a_location_is_created(rest: httpx.AsyncClient, far_side: FarSide) -> None:
    location = {"location": "berlin", "name": "Berlin", "time_zone": "Europe/Berlin", "priority": 10}
    stored = Location(location="berlin", name="Berlin", time_zone="Europe/Berlin", priority=10)
    far_side.answers("CreateLocation", stock_service_pb2.CreateLocationResponse(location=stored))
    answer = await rest.post("/v1/locations", json=location)
    assert answer.status_code == 201
    assert answer.json() == location
    assert far_side.last.request.location == stored


async def test_locations_are_listed_plain_and_as_warehouses_with_sums(
    rest: httpx.AsyncClient, far_side: FarSide
) -> None:
    entry = stock_service_pb2.LocationStock(
        location=Location(location="berlin", name="Berlin", priority=1),
        skus=3,
        on_hand=10,
        reserved=1,
        committed=2,
        unavailable=3,
        available=4,
    )
    far_side.answers("ListLocations", stock_service_pb2.ListLocationsResponse(locations=[entry]))
    plain = {"location": "berlin", "name": "Berlin", "time_zone": "", "priority": 1}
    sums = {"skus": 3, "on_hand": 10, "reserved": 1, "committed": 2, "unavailable": 3, "available": 4}
    assert (await rest.get("/v1/locations")).json() == {"locations": [plain]}
    assert (await rest.get("/v1/inventory/warehouses")).json() == {"warehouses": [plain | sums]}
