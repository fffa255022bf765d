"""Reads, through public interfaces, the product's state after the traffic. Judging is in audit.py.

The one exception is the sandbox provider's own table: a real provider's ledger would be read from the provider.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import grpc
import psycopg

from chassis.errors import ServiceError
from gen.inventory.v1 import reservation_pb2, reservation_service_pb2, stock_service_pb2
from gen.order.v1 import order_pb2, order_service_pb2, saga_service_pb2
from gen.promo.v1 import promotion_pb2, promotion_service_pb2
from tests.demo.services import Services, call

PAGE = 500
PARALLEL_READS = 64
STUCK_AFTER_S = 120


@dataclass(frozen=True, slots=True)
class Payment:
    """One row of the sandbox provider's ledger."""

    key: str
    order_id: str
    status: str
    amount_minor: int
    currency: str


@dataclass(frozen=True, slots=True)
class Baseline:
    """The state before the traffic."""

    orders_after: datetime | None
    gone: dict[str, int]
    payments: frozenset[str]


@dataclass(frozen=True, slots=True)
class Evidence:
    """The state after it; orders, payments and `gone` are those since the baseline."""

    orders: list[order_pb2.Order]
    gone: dict[str, int]
    flash: stock_service_pb2.SkuStock
    reservations: dict[str, reservation_pb2.Reservation]
    abandoned: dict[str, reservation_pb2.Reservation]
    payments: list[Payment]
    promotions: list[promotion_pb2.Promotion]
    stock_audit: stock_service_pb2.AuditStockResponse
    usage_audit: promotion_service_pb2.AuditUsageResponse
    stuck: list[str]


def waits_for_bank(order: order_pb2.Order) -> bool:
    """True for an order that may stay open: its payment waits for the customer's bank."""
    return (
        order.state == order_pb2.Order.STATE_AUTHORIZING
        and order.payment.status == order_pb2.Payment.STATUS_ACTION_REQUIRED
    )


class Reader:
    """Reads for one run."""

    def __init__(self, services: Services, orders_database: str) -> None:
        self._services, self._orders_database = services, orders_database

    async def baseline(self, skus: list[str]) -> Baseline:
        newest = await call(self._services.orders.ListOrders, order_service_pb2.ListOrdersRequest(page_size=1))
        after = newest.orders[0].create_time.ToDatetime() if newest.orders else None
        stocks = await self.stocks(skus)
        payments = await self._payments()
        return Baseline(
            orders_after=after and after + timedelta(microseconds=1),
            gone={sku: _gone(stock) for sku, stock in stocks.items()},
            payments=frozenset(payment.key for payment in payments),
        )

    async def evidence(
        self, baseline: Baseline, flash_sku: str, promotion_ids: Iterable[str], abandoned: list[str]
    ) -> Evidence:
        services = self._services
        orders = await self.orders(after=baseline.orders_after)
        confirmed = [order.order_id for order in orders if order.state == order_pb2.Order.STATE_CONFIRMED]
        stocks = await self.stocks(list(baseline.gone))
        return Evidence(
            orders=orders,
            gone={sku: _gone(stocks[sku]) - before for sku, before in baseline.gone.items()},
            flash=stocks[flash_sku],
            reservations=await self.reservations(confirmed),
            abandoned=await self.reservations(abandoned),
            payments=[payment for payment in await self._payments() if payment.key not in baseline.payments],
            promotions=[await self._promotion(promotion_id) for promotion_id in promotion_ids],
            stock_audit=await call(services.stock.AuditStock, stock_service_pb2.AuditStockRequest()),
            usage_audit=await call(services.promotions.AuditUsage, promotion_service_pb2.AuditUsageRequest()),
            stuck=await self._stuck(),
        )

    async def orders(self, state: Any = 0, after: datetime | None = None) -> list[order_pb2.Order]:
        """All orders in a state (0: any) that were placed at or after a time."""
        found: list[order_pb2.Order] = []
        request = order_service_pb2.ListOrdersRequest(page_size=PAGE, state=state)
        if after is not None:
            request.create_time_from.FromDatetime(after)
        while True:
            page = await call(self._services.orders.ListOrders, request)
            found.extend(page.orders)
            if not page.next_page_token:
                return found
            request.page_token = page.next_page_token

    async def stocks(self, skus: list[str]) -> dict[str, stock_service_pb2.SkuStock]:
        found: dict[str, stock_service_pb2.SkuStock] = {}
        for start in range(0, len(skus), PAGE):
            request = stock_service_pb2.BatchGetStockRequest(skus=skus[start : start + PAGE])
            answer = await call(self._services.stock.BatchGetStock, request)
            found |= {stock.sku: stock for stock in answer.stocks}
        return found

    async def reservations(self, ids: list[str]) -> dict[str, reservation_pb2.Reservation]:
        """The reservations with these ids that exist."""
        slots = asyncio.Semaphore(PARALLEL_READS)

        async def one(reservation_id: str) -> reservation_pb2.Reservation | None:
            request = reservation_service_pb2.GetReservationRequest(reservation_id=reservation_id)
            async with slots:
                return await _reservation_or_none(call(self._services.reservations.GetReservation, request))

        found = await asyncio.gather(*(one(reservation_id) for reservation_id in ids))
        return {reservation.reservation_id: reservation for reservation in found if reservation is not None}

    async def _stuck(self) -> list[str]:
        """Orders unfinished for too long, without those that may wait for their customer's bank."""
        request = saga_service_pb2.ListStuckSagasRequest(older_than_seconds=STUCK_AFTER_S)
        sagas = (await call(self._services.sagas.ListStuckSagas, request)).sagas
        waiting = await self.orders(state=order_pb2.Order.STATE_AUTHORIZING)
        at_the_bank = {order.order_id for order in waiting if waits_for_bank(order)}
        return [saga.order_id for saga in sagas if saga.order_id not in at_the_bank]

    async def _promotion(self, promotion_id: str) -> promotion_pb2.Promotion:
        request = promotion_service_pb2.GetPromotionRequest(promotion_id=promotion_id)
        answer: promotion_service_pb2.GetPromotionResponse = await call(self._services.promotions.GetPromotion, request)
        return answer.promotion

    async def _payments(self) -> list[Payment]:
        read = "SELECT key, order_id, status, amount_minor, currency FROM sandbox_payments"
        async with await psycopg.AsyncConnection.connect(self._orders_database) as connection:
            rows = await (await connection.execute(read)).fetchall()
        return [Payment(*row) for row in rows]


async def _reservation_or_none(response: Any) -> reservation_pb2.Reservation | None:
    try:
        found: reservation_pb2.Reservation = (await response).reservation
    except ServiceError as refused:
        if refused.code is not grpc.StatusCode.NOT_FOUND:
            raise
        return None
    return found


def _gone(stock: stock_service_pb2.SkuStock) -> int:
    """Units promised or shipped, up to a constant: a sale adds to committed, a shipment moves it out of on_hand."""
    return stock.committed - stock.on_hand
