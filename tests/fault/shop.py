"""What a load sells: a location, and skus of its own for every try, made through public interfaces."""

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
    """One load's skus and how many units each had; the hot one runs out on the way."""

    hot: str
    skus: tuple[str, ...]
    stock: dict[str, int]


async def opened(channel: grpc.aio.Channel) -> None:
    """The location, and the sku that is asked for to see whether anybody serves."""
    stock: Any = StockServiceStub(channel)
    location = location_pb2.Location(location=LOCATION, name="Fault")
    await call(stock.CreateLocation, stock_service_pb2.CreateLocationRequest(request_id=LOCATION, location=location))
    await filled(channel, PROBE, {PROBE: PLENTY})


async def goods(channel: grpc.aio.Channel, run: str, hot_units: int, scarce_units: int) -> Goods:
    """New skus: one hot, a quarter of the others scarce, the rest more than anybody asks for."""
    hot = f"{run}-HOT"
    skus = tuple(f"{run}-S{number:02}" for number in range(SPREAD))
    units = {sku: scarce_units if number % 4 == 0 else PLENTY for number, sku in enumerate(skus)}
    stock = {hot: hot_units, **units}
    await filled(channel, run, stock)
    return Goods(hot, skus, stock)


async def filled(channel: grpc.aio.Channel, run: str, stock: dict[str, int]) -> None:
    """Skus with so many units each; `run` makes the requests different from others'."""
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
