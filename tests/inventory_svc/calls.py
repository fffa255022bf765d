"""Short forms of calls to the service, for tests."""

from __future__ import annotations

import itertools
from typing import Any

import grpc
import pytest

from chassis import client
from chassis.errors import ServiceError
from gen.common.v1.money_pb2 import Money
from gen.inventory.v1 import catalog_service_pb2 as catalog_pb
from gen.inventory.v1 import location_pb2, reservation_pb2, sku_pb2, stock_pb2
from gen.inventory.v1 import reservation_service_pb2 as pb
from gen.inventory.v1 import stock_service_pb2 as stock_pb
from gen.inventory.v1.catalog_service_pb2_grpc import CatalogServiceStub
from gen.inventory.v1.reservation_service_pb2_grpc import ReservationServiceStub
from gen.inventory.v1.stock_service_pb2_grpc import StockServiceStub

_numbers = itertools.count(1)
TIMEOUT_S = 30.0
"""Races send hundreds of calls at once on a small machine."""


class Stubs:
    """The three services over one channel."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.catalog: Any = CatalogServiceStub(channel)
        self.stock: Any = StockServiceStub(channel)
        self.reservations: Any = ReservationServiceStub(channel)


def new_id(prefix: str) -> str:
    """Returns a new id at every call."""
    return f"{prefix}-{next(_numbers)}"


async def call(method: Any, request: Any) -> Any:
    """One call with a generous deadline."""
    return await client.call(method, request, TIMEOUT_S)


async def located(inventory: Stubs, name: str, time_zone: str = "UTC", priority: int = 0) -> None:
    """A location."""
    location = location_pb2.Location(location=name, time_zone=time_zone, priority=priority)
    request = stock_pb.CreateLocationRequest(request_id=new_id("location"), location=location)
    await call(inventory.stock.CreateLocation, request)


async def stocked(inventory: Stubs, on_hand: int = 0, location: str = "berlin", **fields: Any) -> str:
    """A new sku with this many units there."""
    sku = sku_pb2.Sku(
        **{"sku": new_id("SKU"), "name": "Serum", "price": Money(currency="EUR", amount_minor=999), **fields}
    )
    await call(inventory.catalog.CreateSku, catalog_pb.CreateSkuRequest(request_id=new_id("create"), sku=sku))
    if on_hand:
        await received(inventory, sku.sku, on_hand, location)
    return sku.sku


async def received(
    inventory: Stubs, sku: str, quantity: int, location: str = "berlin", **fields: Any
) -> stock_pb2.StockLevel:
    """Receives goods."""
    request = stock_pb.ReceiveStockRequest(
        **{"request_id": new_id("receive"), "sku": sku, "location": location, "quantity": quantity, **fields}
    )
    answer: stock_pb.ReceiveStockResponse = await call(inventory.stock.ReceiveStock, request)
    return answer.level


def line(sku: str, quantity: int = 1, *locations: str, allow_split: bool = False) -> pb.ReserveLine:
    """One line of a basket."""
    return pb.ReserveLine(sku=sku, quantity=quantity, locations=locations, allow_split=allow_split)


async def reserved(
    inventory: Stubs, *lines: pb.ReserveLine, request_id: str = "", **fields: Any
) -> reservation_pb2.Reservation:
    """A claim."""
    request = pb.ReserveStockRequest(request_id=request_id or new_id("reserve"), lines=lines, **fields)
    answer: pb.ReserveStockResponse = await call(inventory.reservations.ReserveStock, request)
    return answer.reservation


async def committed(inventory: Stubs, *lines: pb.ReserveLine) -> str:
    """The id of a committed reservation."""
    reservation = await reserved(inventory, *lines)
    request = pb.CommitReservationRequest(reservation_id=reservation.reservation_id)
    await call(inventory.reservations.CommitReservation, request)
    return reservation.reservation_id


async def stock_of(inventory: Stubs, sku: str) -> stock_pb.SkuStock:
    """The sku everywhere."""
    answer: stock_pb.GetStockResponse = await call(inventory.stock.GetStock, stock_pb.GetStockRequest(sku=sku))
    return answer.stock


def numbers(stock: Any) -> tuple[int, int, int, int, int]:
    """on_hand, reserved, committed, unavailable, available."""
    return stock.on_hand, stock.reserved, stock.committed, stock.unavailable, stock.available


async def refused(awaitable: Any) -> ServiceError:
    """The error that the awaitable ends with."""
    with pytest.raises(ServiceError) as caught:
        await awaitable
    return caught.value


async def assert_audit_holds(inventory: Stubs) -> None:
    """Gate = journal = movements = lots = reservations."""
    found: stock_pb.AuditStockResponse = await call(inventory.stock.AuditStock, stock_pb.AuditStockRequest())
    wrong = (
        found.gate_mismatches,
        found.movement_mismatches,
        found.reservation_mismatches,
        found.lot_mismatches,
    )
    assert wrong == (0, 0, 0, 0), found.examples
