"""What outbound webhooks look like over REST: endpoints, their deliveries, what is asked to be sent again."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field
from typing_extensions import TypedDict

from edge.schemas.bounds import field, most, text
from edge.schemas.fields import Body, From, PageSize, PageToken, Patch, Query, To

URL = r"^https?://[!-~]+$"
"""Where it may lead is decided by webhook_svc: only public addresses, only https unless a setting says otherwise."""
ENDPOINT = "webhook.v1.WebhookEndpoint"

Url = Annotated[str, text(1, most(ENDPOINT, "url"), URL, "https, at a public address")]
Topic = Annotated[str, field(ENDPOINT, "topics", entry=True)]
Topics = Annotated[
    list[Topic], field(ENDPOINT, "topics", "Event types or their beginnings: order.order.confirmed, order.order.*, *")
]
Key = Annotated[str, field(ENDPOINT, "keys", entry=True)]
Keys = Annotated[list[Key], field(ENDPOINT, "keys", "Only these keys, such as skus; empty means all")]
Description = Annotated[str, field(ENDPOINT, "description")]
InFlight = Annotated[int, Field(ge=1, le=most(ENDPOINT, "max_in_flight"), description="Requests under way at once")]


class WebhookEndpoint(Body):
    """An endpoint to create."""

    url: Url
    topics: Topics
    keys: Keys = Field(default_factory=list)
    description: Description = ""
    ordered: bool = False
    max_in_flight: InFlight = 4


class WebhookEndpointPatch(Patch):
    """The fields to change; those left out stay."""

    url: Url = ""
    topics: Topics = Field(default_factory=list)
    keys: Keys = Field(default_factory=list)
    description: Description = ""
    ordered: bool = False
    max_in_flight: InFlight = 4
    enabled: bool = False


class Replay(Body):
    """Which time span to send again, and, for the next part of it, the token of the answer before."""

    since: Annotated[From, Field(alias="from")]
    until: Annotated[To, Field(alias="to")]
    page_token: PageToken = ""


class WebhookEndpointQuery(Query):
    """Which page."""

    page_size: PageSize = 0
    page_token: PageToken = ""


class WebhookDeliveryQuery(Query):
    """Which deliveries."""

    state: Literal["PENDING", "SUCCEEDED", "FAILED"] | None = None
    page_size: PageSize = 0
    page_token: PageToken = ""


class WebhookEndpointAnswer(TypedDict):
    """An endpoint as stored, without its secret."""

    endpoint_id: str
    url: str
    topics: list[str]
    keys: list[str]
    description: str
    ordered: bool
    max_in_flight: int
    enabled: bool
    disabled_reason: str
    disabled_at: datetime | None
    failing_since: datetime | None
    etag: str
    created_at: datetime | None
    updated_at: datetime | None


class WebhookEndpointCreatedAnswer(WebhookEndpointAnswer):
    """The one answer that shows the secret. A repeat does not: `secret` is null in it; rotate to get another one."""

    secret: str | None


class WebhookEndpointListAnswer(TypedDict):
    """One page of endpoints."""

    webhook_endpoints: list[WebhookEndpointAnswer]
    next_page_token: str


class WebhookSecretAnswer(TypedDict):
    """The new secret, shown once: null in a repeat. The one before it signs along until `old_secret_expires_at`."""

    endpoint_id: str
    secret: str | None
    old_secret_expires_at: datetime | None


class WebhookDeletedAnswer(TypedDict):
    """It is gone."""

    endpoint_id: str
    deleted: bool


class WebhookDeliveryAnswer(TypedDict):
    """One event on its way to one endpoint."""

    delivery_id: str
    endpoint_id: str
    webhook_id: str
    event_id: str
    type: str
    key: str
    state: str
    cause: str
    attempts: int
    last_status: int
    last_error: str
    last_attempt_at: datetime | None
    next_attempt_at: datetime | None
    created_at: datetime | None


class WebhookDeliveryListAnswer(TypedDict):
    """One page of deliveries, newest first."""

    deliveries: list[WebhookDeliveryAnswer]
    next_page_token: str


class WebhookAttemptAnswer(TypedDict):
    """One request."""

    started_at: datetime | None
    duration_ms: int
    status: int
    error: str
    answer: str


class WebhookAttemptListAnswer(TypedDict):
    """Attempts, newest first."""

    attempts: list[WebhookAttemptAnswer]


class ReplayAnswer(TypedDict):
    """Deliveries that were made; with a token, more of the span is to be looked at."""

    created: int
    next_page_token: str
