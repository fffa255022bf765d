"""order.v1.SagaService."""

from __future__ import annotations

from typing import Any

from gen.order.v1 import saga_service_pb2 as pb
from gen.order.v1 import saga_service_pb2_grpc
from order_svc.api import convert
from order_svc.app.cancelling import CancelOrder
from order_svc.app.steering import SteerSagas


class SagaServicer(saga_service_pb2_grpc.SagaServiceServicer):
    """See the proto for what each method promises."""

    def __init__(self, steer: SteerSagas, cancel: CancelOrder) -> None:
        self._steer = steer
        self._cancel = cancel

    async def ListStuckSagas(self, request: pb.ListStuckSagasRequest, context: Any) -> pb.ListStuckSagasResponse:
        stuck = await self._steer.stuck(request.older_than_seconds)
        return pb.ListStuckSagasResponse(sagas=[convert.saga_message(order) for order in stuck])

    async def GetSaga(self, request: pb.GetSagaRequest, context: Any) -> pb.GetSagaResponse:
        order, steps = await self._steer.get(request.order_id)
        return pb.GetSagaResponse(saga=convert.saga_message(order, steps))

    async def RetrySaga(self, request: pb.RetrySagaRequest, context: Any) -> pb.RetrySagaResponse:
        order = await self._steer.retry(request.order_id)
        return pb.RetrySagaResponse(saga=convert.saga_message(order))

    async def ForceCancelSaga(self, request: pb.ForceCancelSagaRequest, context: Any) -> pb.ForceCancelSagaResponse:
        order = await self._cancel.force(request.order_id, request.reason)
        return pb.ForceCancelSagaResponse(saga=convert.saga_message(order))
