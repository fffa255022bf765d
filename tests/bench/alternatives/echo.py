"""The ceiling: a call that only returns the id of its request."""

from __future__ import annotations

from typing import Any

from gen.inventory.v1 import reservation_pb2
from gen.inventory.v1 import reservation_service_pb2 as pb


class Echo:
    """Reads the request, returns its id. A larger answer would lower the ceiling."""

    async def ReserveStock(self, request: pb.ReserveStockRequest, _rpc: Any) -> pb.ReserveStockResponse:
        return pb.ReserveStockResponse(reservation=reservation_pb2.Reservation(reservation_id=request.request_id))
