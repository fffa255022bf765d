"""REST routes of stock levels: reads and manual changes."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from edge import headers
from edge.answers import Answer, replayed
from edge.call import Call
from edge.openapi.headers import CHANGES, CHANGES_VERSION
from edge.operation import options
from edge.routes import levels
from edge.routes.routers import under_v1
from edge.schemas import inventory as schema
from edge.schemas.fields import LocationId, SkuId
from gen.inventory.v1 import stock_service_pb2 as pb
from gen.inventory.v1.stock_pb2 import StockLevel

router = under_v1("inventory")


@router.get("/inventory", response_model=schema.LevelListAnswer, summary="List stock levels")
@options(rest_names={"available_at_most": "low_stock"})
async def list_stock(call: Call, query: Annotated[schema.StockQuery, Query()]) -> Answer:
    request = pb.ListStockRequest(
        page_size=query.page_size,
        page_token=query.page_token,
        location=query.location,
        category=query.category,
        available_at_most=query.low_stock,
    )
    response = await call.rpc(call.clients.stock.ListStock, request)
    page: schema.LevelListAnswer = {
        "levels": [levels.level(entry) for entry in response.levels],
        "next_page_token": response.next_page_token,
    }
    return Answer(page)


@router.post(
    "/inventory",
    response_model=schema.LevelAnswer,
    status_code=201,
    summary="Receive goods",
    openapi_extra=CHANGES,
)
async def receive_stock(call: Call, body: schema.StockReceipt) -> Answer:
    request = pb.ReceiveStockRequest(
        request_id=call.mutation_id("req"),
        sku=body.sku,
        location=body.location,
        quantity=body.quantity,
        lot=body.lot,
        manufacture_date=body.manufacture_date,
        expiry_date=body.expiry_date,
        reason=body.reason,
    )
    response = await call.rpc(call.clients.stock.ReceiveStock, request)
    return _changed(response.level, response.replayed, 201)


@router.post(
    "/inventory/adjust",
    response_model=schema.LevelAnswer,
    summary="Adjust a stock level by a delta",
    openapi_extra=CHANGES,
)
async def adjust_named_stock(call: Call, body: schema.StockAdjustment) -> Answer:
    return await _adjust(call, body.sku, body.location, body)


@router.post(
    "/inventory/batch", response_model=schema.StockBatchAnswer, summary="Read the stock of up to 500 skus, without lots"
)
async def batch_get_stock(call: Call, body: schema.StockBatch) -> Answer:
    response = await call.rpc(call.clients.stock.BatchGetStock, pb.BatchGetStockRequest(skus=body.skus))
    found: schema.StockBatchAnswer = {
        "stocks": [levels.stock(entry) for entry in response.stocks],
        "missing": list(response.missing),
    }
    return Answer(found)


@router.get(
    "/inventory/{sku}", response_model=schema.StockAnswer, summary="Read the stock of one sku, per location and lot"
)
async def get_stock(call: Call, sku: SkuId) -> Answer:
    response = await call.rpc(call.clients.stock.GetStock, pb.GetStockRequest(sku=sku))
    return Answer(levels.stock(response.stock))


@router.get(
    "/inventory/{sku}/movements",
    response_model=schema.MovementListAnswer,
    summary="List the stock movements of one sku",
)
async def list_movements(call: Call, sku: SkuId, query: Annotated[schema.MovementQuery, Query()]) -> Answer:
    request = pb.ListMovementsRequest(
        sku=sku, location=query.location, page_size=query.page_size, page_token=query.page_token
    )
    response = await call.rpc(call.clients.stock.ListMovements, request)
    page: schema.MovementListAnswer = {
        "movements": [levels.movement(entry) for entry in response.movements],
        "next_page_token": response.next_page_token,
    }
    return Answer(page)


@router.put(
    "/inventory/{sku}/{location}",
    response_model=schema.LevelAnswer,
    summary="Set on_hand or the backorder limit to an absolute number",
    openapi_extra=CHANGES_VERSION,
)
@options(rest_names={"expected_version": "If-Match"})
async def set_stock(call: Call, sku: SkuId, location: LocationId, body: schema.StockNumber) -> Answer:
    request = pb.SetStockRequest(
        request_id=call.mutation_id("req"),
        sku=sku,
        location=location,
        on_hand=body.on_hand,
        expected_version=_expected_version(call),
        reason=body.reason,
        lot=body.lot,
        backorder_limit=body.backorder_limit,
    )
    response = await call.rpc(call.clients.stock.SetStock, request)
    return _changed(response.level, response.replayed)


@router.patch(
    "/inventory/{sku}/{location}",
    response_model=schema.LevelAnswer,
    summary="Adjust a stock level by a delta",
    openapi_extra=CHANGES,
)
async def adjust_stock(call: Call, sku: SkuId, location: LocationId, body: schema.StockDelta) -> Answer:
    return await _adjust(call, sku, location, body)


async def _adjust(call: Call, sku: SkuId, location: LocationId, body: schema.StockDelta) -> Answer:
    request = pb.AdjustStockRequest(
        request_id=call.mutation_id("req"),
        sku=sku,
        location=location,
        delta=body.delta,
        reason=body.reason,
        lot=body.lot,
    )
    response = await call.rpc(call.clients.stock.AdjustStock, request)
    return _changed(response.level, response.replayed)


def _changed(level: StockLevel, again: bool, status: int = 200) -> Answer:
    return Answer(levels.level(level), status, (headers.etag(level.version), *replayed(again)))


def _expected_version(call: Call) -> int | None:
    tag = call.if_match()
    return None if tag is None else int(tag)
