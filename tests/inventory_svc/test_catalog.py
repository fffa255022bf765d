"""Skus over gRPC."""

from __future__ import annotations

from google.protobuf.struct_pb2 import Struct

from chassis import pagination
from gen.common.v1.money_pb2 import Money
from gen.inventory.v1 import catalog_service_pb2 as pb
from gen.inventory.v1.sku_pb2 import Sku
from tests.inventory_svc.calls import Stubs, call, new_id, refused, stocked


def _sku(sku: str, **fields: object) -> Sku:
    return Sku(**{"sku": sku, "name": "Serum", "price": Money(currency="EUR", amount_minor=1), **fields})  # type: ignore[arg-type]


async def test_a_sku_keeps_its_attributes(inventory: Stubs) -> None:
    attributes = Struct()
    attributes.update({"shade": "rose", "sizes": [30, 50], "vegan": True})
    sku = await stocked(inventory, attributes=attributes, category="skincare/serum")
    found = (await call(inventory.catalog.GetSku, pb.GetSkuRequest(sku=sku))).sku
    assert found.attributes["shade"] == "rose"
    assert found.category == "skincare/serum"
    assert found.etag == "1"


async def test_a_repeated_create_answers_the_first_and_another_body_is_refused(inventory: Stubs) -> None:
    request = pb.CreateSkuRequest(request_id=new_id("r"), sku=_sku(new_id("SKU")))
    first = await call(inventory.catalog.CreateSku, request)
    second = await call(inventory.catalog.CreateSku, request)
    assert (first.replayed, second.replayed) == (False, True)
    assert first.sku == second.sku
    request.sku.name = "Other"
    assert (await refused(call(inventory.catalog.CreateSku, request))).reason == "REQUEST_ID_REUSED"
    request.request_id = new_id("r")
    assert (await refused(call(inventory.catalog.CreateSku, request))).reason == "SKU_TAKEN"


async def test_an_update_changes_the_masked_fields_and_needs_the_current_etag(inventory: Stubs) -> None:
    sku = await stocked(inventory, brand="Old")
    request = pb.UpdateSkuRequest(request_id=new_id("r"), sku=Sku(sku=sku, name="New", brand="Ignored", etag="1"))
    request.update_mask.paths.append("name")
    updated = (await call(inventory.catalog.UpdateSku, request)).sku
    assert (updated.name, updated.brand, updated.etag) == ("New", "Old", "2")
    request.request_id = new_id("r")
    stale = await refused(call(inventory.catalog.UpdateSku, request))
    assert (stale.reason, dict(stale.metadata)) == ("VERSION_STALE", {"expected": "1", "actual": "2"})


async def test_a_batch_is_all_or_nothing_and_counts_what_was_new(inventory: Stubs) -> None:
    old, new = await stocked(inventory), new_id("SKU")
    request = pb.BatchUpsertSkusRequest(request_id=new_id("r"), skus=[_sku(old), _sku(new)])
    answer = await call(inventory.catalog.BatchUpsertSkus, request)
    assert (answer.created, answer.updated) == (1, 1)
    bad = pb.BatchUpsertSkusRequest(request_id=new_id("r"), skus=[_sku(new_id("SKU")), _sku("")])
    assert (await refused(call(inventory.catalog.BatchUpsertSkus, bad))).violations[0].path == "skus[1].sku"


async def test_skus_are_listed_by_category_and_page_by_page(inventory: Stubs) -> None:
    made = sorted([await stocked(inventory, category=f"listed/{number}") for number in range(5)])
    await stocked(inventory, category="listed_elsewhere")
    seen, token = [], ""
    while True:
        request = pb.ListSkusRequest(category="listed", page_size=2, page_token=token)
        page = await call(inventory.catalog.ListSkus, request)
        seen += [sku.sku for sku in page.skus]
        token = page.next_page_token
        if not token:
            break
    assert seen == made
    other = pb.ListSkusRequest(category="other", page_size=2, page_token=_token(seen))
    assert (await refused(call(inventory.catalog.ListSkus, other))).reason == "PAGE_TOKEN_INVALID"


def _token(seen: list[str]) -> str:
    return pagination.token("skus listed ", [seen[0]])


async def test_a_batch_read_tells_what_is_missing(inventory: Stubs) -> None:
    sku = await stocked(inventory)
    found = await call(inventory.catalog.BatchGetSkus, pb.BatchGetSkusRequest(skus=["NOPE", sku]))
    assert ([one.sku for one in found.skus], list(found.missing)) == ([sku], ["NOPE"])
