"""Waits until all work that the traffic started has ended: bounded, and according to the services, not the clock."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection

from chassis.errors import ServiceError
from gen.inventory.v1 import reservation_pb2, stock_service_pb2
from gen.order.v1 import order_pb2
from gen.promo.v1 import promotion_service_pb2
from tests.demo.evidence import Reader, waits_for_bank
from tests.demo.services import Services, call

WITHIN_S = 150.0
FIRST_PAUSE_S = 0.25
LONGEST_PAUSE_S = 4.0

State = order_pb2.Order.State
UNDER_WAY = (
    order_pb2.Order.STATE_NEW,
    order_pb2.Order.STATE_PRICED,
    order_pb2.Order.STATE_RESERVED,
    order_pb2.Order.STATE_AUTHORIZING,
    order_pb2.Order.STATE_AUTHORIZED,
    order_pb2.Order.STATE_CANCELLING,
    order_pb2.Order.STATE_NEEDS_REVIEW,
)


class Settlement:
    """Knows which work may still be open."""

    def __init__(self, services: Services, reader: Reader) -> None:
        self._services, self._reader = services, reader

    async def wait(self, reported: Collection[str] = (), abandoned: Collection[str] = ()) -> list[str]:
        """Returns the work that is still open after WITHIN_S; empty if all is well.

        `reported`: orders whose bank has reported. `abandoned`: reservations that must expire.
        """
        until, pause_s = time.monotonic() + WITHIN_S, FIRST_PAUSE_S
        while True:
            still_open = await self._still_open(reported, abandoned)
            if not still_open or time.monotonic() > until:
                return still_open
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 1.5, LONGEST_PAUSE_S)

    async def _still_open(self, reported: Collection[str], abandoned: Collection[str]) -> list[str]:
        try:
            return [
                *await self._orders_under_way(reported),
                *await self._claims(abandoned),
                *await self._mismatches(),
            ]
        except ServiceError as unanswered:
            return [f"no answer: {unanswered}"]

    async def _orders_under_way(self, reported: Collection[str]) -> list[str]:
        found: list[str] = []
        for state in UNDER_WAY:
            orders = await self._reader.orders(state=state)
            count = sum(not waits_for_bank(order) or order.order_id in reported for order in orders)
            if count:
                found.append(f"{count} orders {State.Name(state).removeprefix('STATE_')}")
        return found

    async def _claims(self, abandoned: Collection[str]) -> list[str]:
        reservations = await self._reader.reservations(list(abandoned))
        active = sum(found.state == reservation_pb2.Reservation.STATE_ACTIVE for found in reservations.values())
        return [f"{active} abandoned checkouts hold stock"] if active else []

    async def _mismatches(self) -> list[str]:
        stock = await call(self._services.stock.AuditStock, stock_service_pb2.AuditStockRequest())
        usage = await call(self._services.promotions.AuditUsage, promotion_service_pb2.AuditUsageRequest())
        count = stock.gate_mismatches + usage.gate_mismatches
        return [f"{count} gate mismatches"] if count else []
