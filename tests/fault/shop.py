"""The goods of a load: a location, and separate skus for every try, made through public interfaces."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import grpc

from gen.common.v1.money_pb2 import Money
from gen.inventory.v1 import catalog_service_pb2, location_pb2, sku_pb2, stock_service_pb2
from gen.inventory.v1.catalog_service_pb2_grpc import CatalogServiceStub
from gen.inventory.v1.stock_service_pb2_grpc import StockServiceStub
from tests.demo.services import call

LOCATION = "fault"
SPREAD = 40
PLENTY = 1_000_000
PROBE = "PROBE"
PRICE_MINOR = 1_999


@dataclass(frozen=True)
class Goods:
    """One load's skus and their initial units; the hot one sells out during the load."""

    hot: str
    skus: tuple[str, ...]
    stock: dict[str, int]


async def opened(channel: grpc.aio.Channel) -> None:
    """Creates the location, and the sku that health checks ask for."""
    stock: Any = StockServiceStub(channel)
    location = location_pb2.Location(location=LOCATION, name="Fault")
    await call(stock.CreateLocation, stock_service_pb2.CreateLocationRequest(request_id=LOCATION, location=location))
    await filled(channel, PROBE, {PROBE: PLENTY})


async def goods(channel: grpc.aio.Channel, run: str, hot_units: int, scarce_units: int) -> Goods:
    """Creates skus: one hot, a quarter of the others scarce, the rest with more units than are asked for."""
    hot = f"{run}-HOT"
    skus = tuple(f"{run}-S{number:02}" for number in range(SPREAD))
    units = {sku: scarce_units if number % 4 == 0 else PLENTY for number, sku in enumerate(skus)}
    stock = {hot: hot_units, **units}
    await filled(channel, run, stock)
    return Goods(hot, skus, stock)


async def filled(channel: grpc.aio.Channel, run: str, stock: dict[str, int]) -> None:
    """Creates skus with the given units; `run` makes the request ids differ from those of other loads."""
    catalog: Any = CatalogServiceStub(channel)
    stub: Any = StockServiceStub(channel)
    price = Money(currency="EUR", amount_minor=PRICE_MINOR)
    upsert = catalog_service_pb2.BatchUpsertSkusRequest(
        request_id=f"{run}-skus", skus=[sku_pb2.Sku(sku=sku, name=sku, price=price) for sku in stock]
    )
    await call(catalog.BatchUpsertSkus, upsert)
    received = [
        stock_service_pb2.ReceiveStockRequest(request_id=f"{run}-in-{sku}", sku=sku, location=LOCATION, quantity=units)
        for sku, units in stock.items()
    ]
    await asyncio.gather(*(call(stub.ReceiveStock, request) for request in received))
