"""REST schemas of outbound webhooks: endpoints, deliveries, attempts and replays."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field
from typing_extensions import TypedDict

from edge.schemas.bounds import field, most, text
from edge.schemas.fields import Body, From, PageSize, PageToken, Patch, Query, To

URL = r"^https?://[!-~]+$"
"""webhook_svc decides which targets are allowed: only public addresses, only https unless a setting says otherwise."""
ENDPOINT = "webhook.v1.WebhookEndpoint"

Url = Annotated[str, text(1, most(ENDPOINT, "url"), URL, "An https URL at a public address")]
Topic = Annotated[str, field(ENDPOINT, "topics", entry=True)]
Topics = Annotated[
    list[Topic], field(ENDPOINT, "topics", "Event types or prefixes of them: order.order.confirmed, order.order.*, *")
]
Key = Annotated[str, field(ENDPOINT, "keys", entry=True)]
Keys = Annotated[list[Key], field(ENDPOINT, "keys", "Only events with these keys, such as skus; empty means all")]
Description = Annotated[str, field(ENDPOINT, "description")]
InFlight = Annotated[
    int, Field(ge=1, le=most(ENDPOINT, "max_in_flight"), description="Maximum number of concurrent requests")
]


class WebhookEndpoint(Body):
    """An endpoint to create."""

    url: Url
    topics: Topics
    keys: Keys = Field(default_factory=list)
    description: Description = ""
    ordered: bool = False
    max_in_flight: InFlight = 4


class WebhookEndpointPatch(Patch):
    """The fields to change; omitted fields keep their values."""

    url: Url = ""
    topics: Topics = Field(default_factory=list)
    keys: Keys = Field(default_factory=list)
    description: Description = ""
    ordered: bool = False
    max_in_flight: InFlight = 4
    enabled: bool = False


class Replay(Body):
    """The time span to send again and, for its next part, the token of the previous response."""

    since: Annotated[From, Field(alias="from")]
    until: Annotated[To, Field(alias="to")]
    page_token: PageToken = ""


class WebhookEndpointQuery(Query):
    """The page to return."""

    page_size: PageSize = 0
    page_token: PageToken = ""


class WebhookDeliveryQuery(Query):
    """The deliveries to list."""

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
    """The only response that shows the secret. In a repeat `secret` is null; rotate the secret to get a new one."""

    secret: str | None


class WebhookEndpointListAnswer(TypedDict):
    """One page of endpoints."""

    webhook_endpoints: list[WebhookEndpointAnswer]
    next_page_token: str


class WebhookSecretAnswer(TypedDict):
    """The new secret, shown once; null in a repeat. Until `old_secret_expires_at` the previous one also signs."""

    endpoint_id: str
    secret: str | None
    old_secret_expires_at: datetime | None


class WebhookDeletedAnswer(TypedDict):
    """The endpoint was deleted."""

    endpoint_id: str
    deleted: bool


class WebhookDeliveryAnswer(TypedDict):
    """The delivery of one event to one endpoint."""

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
    """One request to the endpoint."""

    started_at: datetime | None
    duration_ms: int
    status: int
    error: str
    answer: str


class WebhookAttemptListAnswer(TypedDict):
    """Attempts, newest first."""

    attempts: list[WebhookAttemptAnswer]


class ReplayAnswer(TypedDict):
    """How many deliveries were created; a token means that a part of the time span is left."""

    created: int
    next_page_token: str
