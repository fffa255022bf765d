"""inventory.v1.StockService: messages in, use case, messages out."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, TypeAlias

import grpc

from chassis import errors, requests, timestamps, validation
from chassis.validation import DEFAULT_PAGE
from gen.inventory.v1 import stock_service_pb2 as pb
from gen.inventory.v1 import stock_service_pb2_grpc as pb_grpc
from inventory_svc.api import convert
from inventory_svc.app.audit import StockAudit
from inventory_svc.app.levels import Levels
from inventory_svc.app.locations import Locations
from inventory_svc.app.stock import Receipt, Stock, Target

Rpc: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


class StockServicer(pb_grpc.StockServiceServicer):
    """See the proto for what each method promises."""

    def __init__(self, stock: Stock, levels: Levels, locations: Locations, audit: StockAudit) -> None:
        self._stock = stock
        self._levels = levels
        self._locations = locations
        self._audit = audit

    async def CreateLocation(self, request: pb.CreateLocationRequest, context: Rpc) -> pb.CreateLocationResponse:
        location = convert.location_from(request.location)
        kept = await self._locations.create(
            requests.identify(request),
            location,
            lambda stored: pb.CreateLocationResponse(location=convert.location_to(stored)).SerializeToString(),
        )
        return requests.answered(pb.CreateLocationResponse, kept)

    async def ListLocations(self, request: pb.ListLocationsRequest, context: Rpc) -> pb.ListLocationsResponse:
        found = await self._locations.with_sums()
        return pb.ListLocationsResponse(locations=[convert.location_stock_to(one) for one in found])

    async def GetStock(self, request: pb.GetStockRequest, context: Rpc) -> pb.GetStockResponse:
        levels = await self._levels.get(request.sku)
        return pb.GetStockResponse(stock=convert.stock_to(request.sku, levels))

    async def BatchGetStock(self, request: pb.BatchGetStockRequest, context: Rpc) -> pb.BatchGetStockResponse:
        wanted = list(request.skus)
        found = await self._levels.batch_get(wanted)
        return pb.BatchGetStockResponse(
            stocks=[convert.stock_to(sku, found[sku]) for sku in wanted if sku in found],
            missing=[sku for sku in wanted if sku not in found],
        )

    async def ListStock(self, request: pb.ListStockRequest, context: Rpc) -> pb.ListStockResponse:
        found, token = await self._levels.page(
            request.location,
            request.category,
            request.available_at_most if request.HasField("available_at_most") else None,
            request.page_size or DEFAULT_PAGE,
            request.page_token,
        )
        return pb.ListStockResponse(levels=[convert.level_to(level) for level in found], next_page_token=token)

    async def ReceiveStock(self, request: pb.ReceiveStockRequest, context: Rpc) -> pb.ReceiveStockResponse:
        kept = await self._stock.receive(
            requests.identify(request),
            _receipt(request),
            lambda level: pb.ReceiveStockResponse(level=convert.level_to(level)).SerializeToString(),
        )
        return requests.answered(pb.ReceiveStockResponse, kept)

    async def AdjustStock(self, request: pb.AdjustStockRequest, context: Rpc) -> pb.AdjustStockResponse:
        if request.delta == 0:
            raise errors.invalid("delta", "FIELD_INVALID", "must not be zero")
        kept = await self._stock.adjust(
            requests.identify(request),
            request.sku,
            request.location,
            request.lot,
            request.delta,
            request.reason,
            lambda level: pb.AdjustStockResponse(level=convert.level_to(level)).SerializeToString(),
        )
        return requests.answered(pb.AdjustStockResponse, kept)

    async def SetStock(self, request: pb.SetStockRequest, context: Rpc) -> pb.SetStockResponse:
        kept = await self._stock.set(
            requests.identify(request),
            request.sku,
            request.location,
            _target(request),
            lambda level: pb.SetStockResponse(level=convert.level_to(level)).SerializeToString(),
        )
        return requests.answered(pb.SetStockResponse, kept)

    async def ListMovements(self, request: pb.ListMovementsRequest, context: Rpc) -> pb.ListMovementsResponse:
        found, token = await self._levels.movements(
            request.sku, request.location, request.page_size or DEFAULT_PAGE, request.page_token
        )
        movements = [convert.movement_to(movement) for movement in found]
        return pb.ListMovementsResponse(movements=movements, next_page_token=token)

    async def AuditStock(self, request: pb.AuditStockRequest, context: Rpc) -> pb.AuditStockResponse:
        found, lot_mismatches = await self._audit.run_once()
        return pb.AuditStockResponse(
            levels=found.levels,
            gate_mismatches=found.gate_mismatches,
            gate_drift_units=found.gate_drift_units,
            movement_mismatches=found.movement_mismatches,
            reservation_mismatches=found.reservation_mismatches,
            lot_mismatches=lot_mismatches,
            examples=found.examples,
            audit_time=timestamps.message(datetime.now(UTC)),
            epoch=found.epoch,
        )

    async def GetAuditStatus(self, request: pb.GetAuditStatusRequest, context: Rpc) -> pb.GetAuditStatusResponse:
        return pb.GetAuditStatusResponse(status=convert.audit_status_to(await self._audit.status()))


def _receipt(request: pb.ReceiveStockRequest) -> Receipt:
    manufactured = validation.calendar_date("manufacture_date", request.manufacture_date)
    expires = validation.calendar_date("expiry_date", request.expiry_date)
    if not request.lot and (manufactured or expires):
        raise errors.required("lot")
    if manufactured and expires and expires < manufactured:
        raise errors.invalid("expiry_date", "FIELD_INVALID", "is before manufacture_date")
    return Receipt(
        sku=request.sku,
        location=request.location,
        quantity=request.quantity,
        lot=request.lot,
        manufactured=manufactured,
        expires=expires,
        reason=request.reason,
    )


def _target(request: pb.SetStockRequest) -> Target:
    if not request.HasField("on_hand") and not request.HasField("backorder_limit"):
        raise errors.required("on_hand")
    on_hand = request.on_hand if request.HasField("on_hand") else None
    limit = request.backorder_limit if request.HasField("backorder_limit") else None
    expected = request.expected_version if request.HasField("expected_version") else None
    return Target(on_hand, limit, expected, request.lot, request.reason)
