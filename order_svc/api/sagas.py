"""order.v1.SagaService."""

from __future__ import annotations

from typing import Any

from chassis import validation
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
        older = validation.whole("older_than_seconds", request.older_than_seconds, 0, convert.STUCK_MOST_S)
        return pb.ListStuckSagasResponse(
            sagas=[convert.saga_message(order) for order in await self._steer.stuck(older)]
        )

    async def GetSaga(self, request: pb.GetSagaRequest, context: Any) -> pb.GetSagaResponse:
        order, steps = await self._steer.get(convert.order_key(request.order_id))
        return pb.GetSagaResponse(saga=convert.saga_message(order, steps))

    async def RetrySaga(self, request: pb.RetrySagaRequest, context: Any) -> pb.RetrySagaResponse:
        validation.request_id(request.request_id)
        order = await self._steer.retry(convert.order_key(request.order_id))
        return pb.RetrySagaResponse(saga=convert.saga_message(order))

    async def ForceCancelSaga(self, request: pb.ForceCancelSagaRequest, context: Any) -> pb.ForceCancelSagaResponse:
        validation.request_id(request.request_id)
        validation.present("reason", request.reason)
        order_id = convert.order_key(request.order_id)
        order = await self._cancel.force(order_id, convert.cause(request.reason, ""))
        return pb.ForceCancelSagaResponse(saga=convert.saga_message(order))
