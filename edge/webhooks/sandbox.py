"""Webhooks of the sandbox payment provider: the outcomes of open payments."""

from __future__ import annotations

import time
from typing import TypeVar, cast

from fastapi import APIRouter
from pydantic import ValidationError

from edge import problems
from edge.answers import Answer, replayed
from edge.call import Call
from edge.front.limits import MOST_WEBHOOK_BYTES
from edge.front.seats import CONNECTION
from edge.openapi.headers import WEBHOOK
from edge.operation import Operation
from edge.schemas import webhooks as schema
from edge.webhooks import standard
from gen.order.v1.order_service_pb2 import RecordPaymentEventRequest

router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"], route_class=Operation)

EVENT = {"$ref": "#/components/schemas/SandboxEvent"}
PROVIDER = "sandbox"
OUTCOMES = {
    "payment.authorized": RecordPaymentEventRequest.OUTCOME_AUTHORIZED,
    "payment.declined": RecordPaymentEventRequest.OUTCOME_DECLINED,
}
Event = TypeVar("Event", bound=schema.SandboxEvent)


@router.post(
    "/sandbox",
    response_model=schema.WebhookAnswer,
    summary="Receive an event of the sandbox provider (Standard Webhooks)",
    openapi_extra={"parameters": list(WEBHOOK), "requestBody": {"content": {"application/json": {"schema": EVENT}}}},
)
async def receive_sandbox(call: Call) -> Answer:
    raw = await call.read(MOST_WEBHOOK_BYTES)
    keys = cast(tuple[bytes, ...], call.app.state.webhook_keys)
    try:
        event_id = standard.verify(keys, dict(call.scope["headers"]), raw, time.time())
    except standard.SignatureInvalid as forged:
        raise problems.unauthenticated("SIGNATURE_INVALID", str(forged), b"StandardWebhooks") from forged
    if (seat := call.scope.get(CONNECTION)) is not None:
        seat.prove("signature")
    outcome = OUTCOMES.get(_parsed(schema.SandboxEvent, raw).type)
    if outcome is None:
        return _answer("ignored")
    data = _parsed(schema.SandboxPaymentEvent, raw).data
    request = RecordPaymentEventRequest(
        event_id=event_id,
        provider=PROVIDER,
        payment_reference=data.payment_reference,
        outcome=outcome,
        decline_code=data.decline_code,
    )
    response = await call.rpc(call.clients.orders.RecordPaymentEvent, request)
    return _answer("recorded", response.replayed)


def _parsed(model: type[Event], raw: bytes) -> Event:
    try:
        return model.model_validate_json(raw)
    except ValidationError as wrong:
        raise problems.from_validation(wrong.errors(include_url=False, include_context=False)) from wrong


def _answer(status: str, again: bool = False) -> Answer:
    taken: schema.WebhookAnswer = {"status": status}
    return Answer(taken, headers=replayed(again))
