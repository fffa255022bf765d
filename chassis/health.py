"""The complete health service: grpc's own does not implement List, and raises."""

from __future__ import annotations

from typing import Any

from grpc_health.v1 import health_pb2
from grpc_health.v1._async import HealthServicer


class Health(HealthServicer):  # type: ignore[misc] # grpc gives it no types
    """The health of each service of a server."""

    async def List(  # noqa: N802 - the proto's name
        self, _request: health_pb2.HealthListRequest, _rpc: Any
    ) -> health_pb2.HealthListResponse:
        """Returns the health of all services at once."""
        answer = health_pb2.HealthListResponse()
        for name, status in self._server_status.items():
            answer.statuses[name].status = status
        return answer
