"""The audit's reads from inventory and promo: many reservations and redemptions at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import grpc

from gen.inventory.v1 import reservation_pb2, reservation_service_pb2
from gen.inventory.v1.reservation_service_pb2_grpc import ReservationServiceStub
from gen.promo.v1 import promotion_service_pb2, quote_pb2
from gen.promo.v1.promotion_service_pb2_grpc import PromotionServiceStub
from order_svc.clients.answers import ask
from order_svc.domain.audit import Goods

OWNER = "order:"
"""Prefix of the owners of orders' reservations."""


class Sale(NamedTuple):
    """A committed reservation of an order, and when it was made."""

    goods: Goods
    created_at: datetime


class Witnesses:
    """Reads from inventory and promo. Raises Unreachable when one does not answer."""

    def __init__(self, inventory: grpc.aio.Channel, promo: grpc.aio.Channel) -> None:
        self._reservations = ReservationServiceStub(inventory)
        self._promotions = PromotionServiceStub(promo)

    async def goods(self, order_ids: Sequence[str]) -> Mapping[str, Goods]:
        """The reservations of these orders that exist; at most 500."""
        if not order_ids:
            return {}
        request = reservation_service_pb2.BatchGetReservationsRequest(reservation_ids=order_ids)
        answer = await ask("inventory", self._reservations.BatchGetReservations, request)
        return {one.reservation_id: _goods(one) for one in answer.reservations}

    async def uses(self, order_ids: Sequence[str]) -> Mapping[str, str]:
        """States of the redemptions of these orders that exist; at most 500."""
        if not order_ids:
            return {}
        request = promotion_service_pb2.BatchGetRedemptionsRequest(redemption_ids=order_ids)
        answer = await ask("promo", self._promotions.BatchGetRedemptions, request)
        name = quote_pb2.Redemption.State.Name
        return {one.redemption_id: name(one.state).removeprefix("STATE_") for one in answer.redemptions}

    async def sales(self, token: str, limit: int) -> tuple[list[Sale], str]:
        """A page of committed reservations of orders, and the token of the next; empty at the end."""
        request = reservation_service_pb2.ListReservationsRequest(
            page_size=limit,
            page_token=token,
            state=reservation_pb2.Reservation.STATE_COMMITTED,
            owner_prefix=OWNER,
        )
        answer = await ask("inventory", self._reservations.ListReservations, request)
        sales = [Sale(_goods(one), one.create_time.ToDatetime(UTC)) for one in answer.reservations]
        return sales, answer.next_page_token


def _goods(reservation: reservation_pb2.Reservation) -> Goods:
    state = reservation_pb2.Reservation.State.Name(reservation.state).removeprefix("STATE_")
    lines = reservation.lines
    return Goods(
        reservation.reservation_id,
        state,
        sum(line.quantity for line in lines),
        sum(line.cancelled for line in lines),
        sum(line.fulfilled for line in lines),
    )
