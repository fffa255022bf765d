"""Field types that several nouns share. Their limits come from the protos: the services enforce them, the edge checks them
earlier and documents them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, NotRequired, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator
from typing_extensions import TypedDict

from chassis import money, timestamps
from edge.schemas.bounds import field, text

# Patterns are anchored and mean the same in ECMA 262 (JSON Schema), in Python and in Rust (pydantic).
_YEAR = "(?:19[7-9][0-9]|[2-8][0-9]{3}|9[0-8][0-9]{2}|99[0-8][0-9]|999[0-8])"
_LEAP_YEAR = "(?:19(?:7[26]|8[048]|9[26])|[2-9][0-9](?:0[48]|[2468][048]|[13579][26])|(?:[2468][048]|[3579][26])00)"
_DAY_OF_31, _DAY_OF_30 = "(?:0[1-9]|[12][0-9]|3[01])", "(?:0[1-9]|[12][0-9]|30)"
_DAY_OF_ANY_YEAR = f"(?:(?:0[13578]|1[02])-{_DAY_OF_31}|(?:0[469]|11)-{_DAY_OF_30}|02-(?:0[1-9]|1[0-9]|2[0-8]))"
_DAY = f"(?:{_YEAR}-{_DAY_OF_ANY_YEAR}|{_LEAP_YEAR}-02-29)"
"""The days of 1970 to 9998, with leap years: every match is a date, and an instant in every time zone."""
_CLOCK = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]"
_TIME = rf"T{_CLOCK}(?::[0-5][0-9](?:\.[0-9]{{1,9}})?)?(?:Z|[+\- ]{_CLOCK})"
DAY = f"^{_DAY}$"
INSTANT = f"^{_DAY}(?:{_TIME})?$"
DAY_CHARACTERS = 10
INSTANT_CHARACTERS = 35

_INSTANT = re.compile(INSTANT.replace("$", r"\Z"))
_WHOLE = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")


def _without_defaults(schema: dict[str, Any]) -> None:
    """Removes the defaults: a default would mean that an omitted field is set."""
    for known in schema["properties"].values():
        known.pop("default", None)
    schema["minProperties"] = 1


class Body(BaseModel):
    """A request body. It refuses unknown fields and converts nothing: "2" and 2.0 are not whole numbers, null is not a text."""

    model_config = ConfigDict(strict=True, extra="forbid")


class Patch(Body):
    """A body of fields to change, at least one; omitted fields keep their values."""

    model_config = ConfigDict(json_schema_extra=_without_defaults)

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("must have at least one field")
        return self


class Query(BaseModel):
    """A query string. It refuses unknown parameters."""

    model_config = ConfigDict(strict=True, extra="forbid", populate_by_name=False)


def whole(value: object) -> object:
    """Converts a query parameter, which is text, to a number; only plain digits are accepted."""
    if not isinstance(value, str):
        return value
    if not _WHOLE.fullmatch(value):
        raise ValueError("must be a whole number")
    return int(value)


def _instant(value: object, day_after: bool) -> object:
    if not isinstance(value, str):
        return value
    if not _INSTANT.match(value):
        raise ValueError("must be a date (2026-11-20) or a time with a zone (2026-11-20T10:00:00Z), from 1970 to 9998")
    # A + that was not percent-encoded arrives as a blank.
    instant = datetime.fromisoformat(value.replace(" ", "+"))
    if len(value) == DAY_CHARACTERS:
        return instant.replace(tzinfo=UTC) + timedelta(days=day_after)
    return max(instant, timestamps.FIRST)  # east of UTC the first hours of 1970 are still in 1969


def _currency(value: str) -> str:
    if not money.is_currency(value):
        raise ValueError("must be the ISO 4217 code of a currency, such as EUR")
    return value


def _from_instant(value: object) -> object:
    return _instant(value, False)


def _to_instant(value: object) -> object:
    return _instant(value, True)


def _callers_own(owner: str) -> str:
    if owner.startswith(SERVICE_OWNER):
        raise ValueError(f"must not begin with {SERVICE_OWNER}, which marks reservations of a service")
    return owner


SkuId = Annotated[str, field("inventory.v1.Sku", "sku")]
LocationId = Annotated[str, field("inventory.v1.Location", "location")]
LocationFilter = Annotated[str, field("inventory.v1.ListStockRequest", "location", "Empty means every location")]
CategoryFilter = Annotated[
    str, field("inventory.v1.ListStockRequest", "category", "This category and all categories below it")
]
CustomerId = Annotated[
    str, field("promo.v1.GetPurchaseHistoryRequest", "customer_id", "The sales channel's own id of the customer")
]
ReservationId = Annotated[str, field("inventory.v1.GetReservationRequest", "reservation_id")]
OrderId = Annotated[str, field("order.v1.GetOrderRequest", "order_id")]
EndpointId = Annotated[str, field("webhook.v1.GetWebhookEndpointRequest", "endpoint_id")]
DeliveryId = Annotated[str, field("webhook.v1.ListWebhookAttemptsRequest", "delivery_id")]
LotNumber = Annotated[str, field("inventory.v1.ReceiveStockRequest", "lot", "Empty for the unnamed lot")]
Reason = Annotated[str, field("inventory.v1.ReceiveStockRequest", "reason")]
Email = Annotated[str, field("order.v1.Customer", "email")]
SERVICE_OWNER = "order:"
"""Owners with this prefix mark a service's own reservations; callers of REST must not use it."""
Owner = Annotated[
    str,
    field("inventory.v1.ReserveStockRequest", "owner"),
    AfterValidator(_callers_own),
    Field(json_schema_extra={"not": {"pattern": rf"^{SERVICE_OWNER}[^\u0000]*$"}}),
]
Units = Annotated[int, field("inventory.v1.ReserveLine", "quantity")]
Currency = Annotated[
    str,
    field("common.v1.Money", "currency", "ISO 4217 currency code, such as EUR"),
    AfterValidator(_currency),
    Field(json_schema_extra={"enum": list(money.CODES)}),
]
Minor = Annotated[int, field("common.v1.Money", "amount_minor", "Minor units: cents for EUR, yen for JPY")]
TtlSeconds = Annotated[int, field("inventory.v1.ExtendReservationRequest", "ttl_seconds")]
IsoDate = Annotated[
    str, text(0, DAY_CHARACTERS, DAY, "ISO 8601 date, such as 2027-01-31; empty when unknown", needed=False)
]

_INSTANT_SCHEMA = {"type": "string", "pattern": INSTANT, "maxLength": INSTANT_CHARACTERS}
PageSize = Annotated[
    int, field("inventory.v1.ListStockRequest", "page_size", "Page size, 1 to 500; 0 means 50"), BeforeValidator(whole)
]
PageToken = Annotated[str, field("inventory.v1.ListStockRequest", "page_token", "next_page_token of the previous page")]
From = Annotated[datetime, BeforeValidator(_from_instant), WithJsonSchema(_INSTANT_SCHEMA)]
To = Annotated[datetime, BeforeValidator(_to_instant), WithJsonSchema(_INSTANT_SCHEMA)]


class Nothing(Body):
    """The body of a request without fields; empty or {}."""


class Money(Body):
    """An amount in minor units."""

    currency: Currency
    amount_minor: Minor


class MoneyAnswer(TypedDict):
    """An amount in minor units."""

    currency: str
    amount_minor: int


class FieldErrorAnswer(TypedDict):
    """One invalid field."""

    field: str
    reason: str
    message: str


class ProblemAnswer(TypedDict):
    """An error (RFC 9457). `errors` is present for invalid fields, `lines` for lines that are short of stock."""

    type: str
    title: str
    status: int
    detail: str
    reason: str
    metadata: dict[str, str]
    request_id: str
    errors: NotRequired[list[FieldErrorAnswer]]
    lines: NotRequired[list[dict[str, str | int]]]
