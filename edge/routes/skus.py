"""REST routes of skus."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Query
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.struct_pb2 import Struct, Value

from edge import headers
from edge.answers import Answer, replayed
from edge.call import Call
from edge.openapi.headers import CHANGES, CHANGES_VERSION
from edge.operation import options
from edge.routes import messages
from edge.routes.routers import under_v1
from edge.schemas import skus as schema
from edge.schemas.fields import SkuId
from gen.common.v1.money_pb2 import Money
from gen.inventory.v1 import catalog_service_pb2 as pb
from gen.inventory.v1.sku_pb2 import Sku

router = under_v1("skus")

IN_SKU = {"sku.": ""}
"""The messages have the sku in a field of that name; over REST it is the body."""


@router.post("/skus", response_model=schema.SkuAnswer, status_code=201, summary="Create a sku", openapi_extra=CHANGES)
@options(rest_names=IN_SKU)
async def create_sku(call: Call, body: schema.Sku) -> Answer:
    request = pb.CreateSkuRequest(request_id=call.mutation_id("req"), sku=_message(body))
    response = await call.rpc(call.clients.catalog.CreateSku, request)
    return Answer(to_rest(response.sku), 201, (headers.etag(response.sku.etag), *replayed(response.replayed)))


@router.post(
    "/skus/batch",
    response_model=schema.SkuBatchAnswer,
    summary="Create or replace up to 500 skus",
    openapi_extra=CHANGES,
)
async def upsert_skus(call: Call, body: schema.SkuBatch) -> Answer:
    request = pb.BatchUpsertSkusRequest(request_id=call.mutation_id("req"), skus=[_message(sku) for sku in body.skus])
    response = await call.rpc(call.clients.catalog.BatchUpsertSkus, request)
    done: schema.SkuBatchAnswer = {"created": response.created, "updated": response.updated}
    return Answer(done, headers=replayed(response.replayed))


@router.get("/skus", response_model=schema.SkuListAnswer, summary="List skus")
async def list_skus(call: Call, query: Annotated[schema.SkuQuery, Query()]) -> Answer:
    request = pb.ListSkusRequest(
        page_size=query.page_size,
        page_token=query.page_token,
        category=query.category,
        parent_product=query.parent_product,
    )
    response = await call.rpc(call.clients.catalog.ListSkus, request)
    page: schema.SkuListAnswer = {
        "skus": [to_rest(sku) for sku in response.skus],
        "next_page_token": response.next_page_token,
    }
    return Answer(page)


@router.get("/skus/{sku}", response_model=schema.SkuAnswer, summary="Read a sku")
async def get_sku(call: Call, sku: SkuId) -> Answer:
    response = await call.rpc(call.clients.catalog.GetSku, pb.GetSkuRequest(sku=sku))
    return Answer(to_rest(response.sku), headers=(headers.etag(response.sku.etag),))


@router.patch(
    "/skus/{sku}", response_model=schema.SkuAnswer, summary="Change fields of a sku", openapi_extra=CHANGES_VERSION
)
@options(rest_names={"sku.etag": "If-Match", **IN_SKU})
async def update_sku(call: Call, sku: SkuId, body: schema.SkuPatch) -> Answer:
    changed = _message(body)
    changed.sku = sku
    changed.etag = call.if_match() or ""
    request = pb.UpdateSkuRequest(
        request_id=call.mutation_id("req"),
        sku=changed,
        update_mask=FieldMask(paths=sorted(body.model_fields_set)),
    )
    response = await call.rpc(call.clients.catalog.UpdateSku, request)
    return Answer(to_rest(response.sku), headers=(headers.etag(response.sku.etag), *replayed(response.replayed)))


def to_rest(sku: Sku) -> schema.SkuAnswer:
    """A sku as REST shows it."""
    return {
        "sku": sku.sku,
        "name": sku.name,
        "category": sku.category,
        "brand": sku.brand,
        "price": messages.money(sku.price) if sku.HasField("price") else None,
        "attributes": _plain(sku.attributes),
        "parent_product": sku.parent_product,
        "etag": sku.etag,
        "created_at": messages.instant(sku.create_time),
        "updated_at": messages.instant(sku.update_time),
    }


def _message(body: schema.Sku | schema.SkuPatch) -> Sku:
    message = Sku(
        name=body.name or "",
        category=body.category,
        brand=body.brand,
        parent_product=body.parent_product,
    )
    if isinstance(body, schema.Sku):
        message.sku = body.sku
    if body.price is not None:
        message.price.CopyFrom(Money(currency=body.price.currency, amount_minor=body.price.amount_minor))
    if body.attributes:
        message.attributes.update(body.attributes)
    return message


def _plain(struct: Struct) -> dict[str, Any]:
    return {key: _plain_value(value) for key, value in struct.fields.items()}


def _plain_value(value: Value) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "string_value":
        return value.string_value
    if kind == "number_value":
        # Every number of a Struct is a double; whole ones were sent as whole numbers.
        number = value.number_value
        return int(number) if number.is_integer() else number
    if kind == "bool_value":
        return value.bool_value
    if kind == "list_value":
        return [_plain_value(inner) for inner in value.list_value.values]
    if kind == "struct_value":
        return _plain(value.struct_value)
    return None
