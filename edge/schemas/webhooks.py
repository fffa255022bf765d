"""What webhooks tell us, and what we answer. Senders add fields as they like: unknown ones are no error here."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypedDict


class SandboxPaymentData(BaseModel):
    """The payment that an event is about."""

    model_config = ConfigDict(strict=True)

    payment_reference: Annotated[str, Field(min_length=1, max_length=200)]
    decline_code: Annotated[str, Field(max_length=100)] = ""


class SandboxEvent(BaseModel):
    """An event of the sandbox provider; `data` is read once the type is known to us."""

    model_config = ConfigDict(strict=True)

    type: Annotated[str, Field(min_length=1, max_length=100)]


class SandboxPaymentEvent(SandboxEvent):
    """An event that tells a payment's outcome."""

    data: SandboxPaymentData


class WebhookAnswer(TypedDict):
    """`recorded` or, for types that mean nothing to us, `ignored`."""

    status: str
