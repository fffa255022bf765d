"""Field types and limits that several nouns share. The limits are the protos' (see their comments): the services
decide, the edge says the same earlier and documents it."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, NotRequired

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from typing_extensions import TypedDict

from chassis import money

MOST_LINES = 100
MOST_SKUS = 500
MOST_UNITS_PER_LINE = 1_000_000
MOST_UNITS = 1_000_000_000
MOST_TTL_S = 86_400
MOST_MINOR = money.MOST_MINOR
MOST_PAGE = 500
MOST_TOKEN = 1_000

_WHOLE = re.compile(r"-?[0-9]{1,18}")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


class Body(BaseModel):
    """A request body: no unknown field, no conversion (a string is no number, a float no whole one, null no text)."""

    model_config = ConfigDict(strict=True, extra="forbid")


class Query(BaseModel):
    """A query string: no unknown parameter."""

    model_config = ConfigDict(strict=True, extra="forbid", populate_by_name=False)


def _whole(value: object) -> object:
    """Query parameters are text; only plain digits are a number."""
    if not isinstance(value, str):
        return value
    if not _WHOLE.fullmatch(value):
        raise ValueError("must be a whole number")
    return int(value)


def _instant(value: object, day_after: bool) -> object:
    if not isinstance(value, str):
        return value
    try:
        if _DAY.fullmatch(value):
            return datetime.combine(date.fromisoformat(value) + timedelta(days=day_after), time(), UTC)
        # A + that was not percent-encoded arrives as a blank.
        instant = datetime.fromisoformat(value.replace(" ", "+"))
    except (ValueError, OverflowError) as wrong:
        raise ValueError("must be a date (2026-11-20) or a time with a zone (2026-11-20T10:00:00Z)") from wrong
    if instant.tzinfo is None:
        raise ValueError("needs a time zone, such as Z")
    return instant


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


SkuId = Annotated[str, Field(min_length=1, max_length=64)]
LocationId = Annotated[str, Field(min_length=1, max_length=32)]
LotNumber = Annotated[str, Field(max_length=64)]
Reason = Annotated[str, Field(max_length=200)]
SERVICE_OWNER = "order:"
"""Owners that begin so are those of a service's own reservations: no caller of REST may speak in a service's name."""
Owner = Annotated[
    str,
    Field(max_length=100, json_schema_extra={"pattern": f"^(?!{SERVICE_OWNER})"}),
    AfterValidator(_callers_own),
]
Units = Annotated[int, Field(ge=1, le=MOST_UNITS_PER_LINE)]
Currency = Annotated[
    str,
    AfterValidator(_currency),
    Field(description="ISO 4217, such as EUR", json_schema_extra={"enum": list(money.CODES)}),
]
Minor = Annotated[int, Field(ge=0, le=MOST_MINOR, description="Minor units: cents for EUR, yen for JPY")]
TtlSeconds = Annotated[int, Field(ge=1, le=MOST_TTL_S)]
IsoDate = Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$", description="ISO 8601 date, such as 2027-01-31")]

QueryWhole = Annotated[int, BeforeValidator(_whole)]
PageSize = Annotated[QueryWhole, Field(ge=0, le=MOST_PAGE, description="1 to 500; 0 means 50")]
PageToken = Annotated[str, Field(max_length=MOST_TOKEN, description="next_page_token of the page before")]
From = Annotated[datetime, BeforeValidator(_from_instant)]
To = Annotated[datetime, BeforeValidator(_to_instant)]


class Nothing(Body):
    """The body of a request that needs none; empty or {}."""


class Money(Body):
    """An amount in minor units."""

    currency: Currency
    amount_minor: Minor


class MoneyAnswer(TypedDict):
    """An amount in minor units."""

    currency: str
    amount_minor: int


class FieldErrorAnswer(TypedDict):
    """One wrong field."""

    field: str
    reason: str
    message: str


class ProblemAnswer(TypedDict):
    """An error (RFC 9457). `errors` comes with wrong fields, `lines` with short stock."""

    type: str
    title: str
    status: int
    detail: str
    reason: str
    metadata: dict[str, str]
    request_id: str
    errors: NotRequired[list[FieldErrorAnswer]]
    lines: NotRequired[list[dict[str, str | int]]]
