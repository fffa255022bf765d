"""The health service, grpc's own and complete: its List is left to us, and raises as long as nobody writes it."""

from __future__ import annotations

from typing import Any

from grpc_health.v1 import health_pb2
from grpc_health.v1._async import HealthServicer


class Health(HealthServicer):  # type: ignore[misc] # grpc gives it no types
    """What each service of a server says of itself."""

    async def List(  # noqa: N802 - the proto's name
        self, _request: health_pb2.HealthListRequest, _rpc: Any
    ) -> health_pb2.HealthListResponse:
        """All of them at once."""
        answer = health_pb2.HealthListResponse()
        for name, status in self._server_status.items():
            answer.statuses[name].status = status
        return answer
