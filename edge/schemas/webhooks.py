"""Schemas of inbound webhooks. Senders may add fields, so unknown fields are accepted here."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict
from typing_extensions import TypedDict

from edge.schemas.bounds import field, text


class SandboxPaymentData(BaseModel):
    """The payment that an event concerns."""

    model_config = ConfigDict(strict=True)

    payment_reference: Annotated[str, field("order.v1.RecordPaymentEventRequest", "payment_reference")]
    decline_code: Annotated[str, field("order.v1.RecordPaymentEventRequest", "decline_code")] = ""


class SandboxEvent(BaseModel):
    """An event of the sandbox provider; `data` is read only for known types."""

    model_config = ConfigDict(strict=True)

    type: Annotated[str, text(1, 100)]


class SandboxPaymentEvent(SandboxEvent):
    """An event with the outcome of a payment."""

    data: SandboxPaymentData


def _open(model: type[SandboxEvent], type_rule: dict[str, Any]) -> dict[str, Any]:
    """A model's schema for the document, with one more rule for `type`."""
    schema = model.model_json_schema()
    inner = schema.pop("$defs", {})
    schema["properties"]["type"].update(type_rule)
    if "data" in schema["properties"]:
        schema["properties"]["data"] = inner["SandboxPaymentData"]
    return schema


OUTCOMES = ("payment.authorized", "payment.declined")
SANDBOX_EVENT: dict[str, Any] = {
    "title": "SandboxEvent",
    "description": "An event. The outcome of a payment has `data`; other types may have any further fields.",
    "anyOf": [
        _open(SandboxPaymentEvent, {"enum": list(OUTCOMES)}),
        _open(SandboxEvent, {"not": {"enum": list(OUTCOMES)}}),
    ],
}


class WebhookAnswer(TypedDict):
    """`recorded`, or `ignored` for unknown types."""

    status: str
