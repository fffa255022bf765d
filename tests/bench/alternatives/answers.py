"""The answer of every alternative: as large as the product's."""

from __future__ import annotations

import time

import grpc

from chassis import timestamps
from chassis.errors import ServiceError
from gen.inventory.v1 import reservation_pb2
from gen.inventory.v1 import reservation_service_pb2 as pb

TTL_S = 900


def made(request: pb.ReserveStockRequest) -> pb.ReserveStockResponse:
    """A granted reservation."""
    now_ms = int(time.time() * 1000)
    reservation = reservation_pb2.Reservation()
    reservation.reservation_id = request.request_id
    reservation.state = reservation_pb2.Reservation.STATE_ACTIVE
    timestamps.set_unix_ms(reservation.expire_time, now_ms + TTL_S * 1000)
    timestamps.set_unix_ms(reservation.create_time, now_ms)
    for line in request.lines:
        reservation.lines.add(sku=line.sku, location="bench", quantity=line.quantity)
    return pb.ReserveStockResponse(reservation=reservation)


def short(sku: str) -> ServiceError:
    """The error for a sold-out sku."""
    return ServiceError(grpc.StatusCode.FAILED_PRECONDITION, "INSUFFICIENT_STOCK", f"{sku} is sold out", {"sku": sku})
