"""The headers that operations take and give, as the document describes them."""

from __future__ import annotations

from typing import Any

from edge import headers
from edge.webhooks import standard

IDEMPOTENCY_KEY: dict[str, Any] = {
    "in": "header",
    "name": "Idempotency-Key",
    "required": False,
    "description": "Makes the change safe to repeat: the same key on the same path is the same change.",
    "schema": {
        "type": "string",
        "minLength": 1,
        "maxLength": headers.MOST_KEY_CHARACTERS,
        "pattern": headers.KEY_PATTERN,
    },
}
IF_MATCH: dict[str, Any] = {
    "in": "header",
    "name": "If-Match",
    "required": False,
    "description": "The ETag as it was read, or *; 412 when it has changed since.",
    "schema": {"type": "string", "maxLength": headers.MOST_ETAG_CHARACTERS, "pattern": headers.IF_MATCH_PATTERN},
}
REQUEST_TIMEOUT: dict[str, Any] = {
    "in": "header",
    "name": "X-Request-Timeout-Ms",
    "required": False,
    "description": "How long the caller waits; after it 504.",
    "schema": {"type": "integer", "minimum": 1, "maximum": headers.MOST_TIMEOUT_MS},
}
REQUEST_ID: dict[str, Any] = {
    "in": "header",
    "name": "X-Request-Id",
    "required": False,
    "description": "Taken when it is 1 to 100 of A-Za-z0-9._:- and replaced by one of ours otherwise; never refused.",
    "schema": {"type": "string"},
}
WEBHOOK: tuple[dict[str, Any], ...] = (
    {
        "in": "header",
        "name": "webhook-id",
        "required": True,
        "description": "A repeat has the same.",
        "schema": {"type": "string", "maxLength": 100, "pattern": standard.ID_PATTERN},
    },
    {
        "in": "header",
        "name": "webhook-timestamp",
        "required": True,
        "description": f"Unix seconds, within {standard.TOLERANCE_S} of now.",
        "schema": {"type": "string", "maxLength": 12, "pattern": standard.TIMESTAMP_PATTERN},
    },
    {
        "in": "header",
        "name": "webhook-signature",
        "required": True,
        "description": "v1, and the base64 of HMAC-SHA256 over id.timestamp.body; several with blanks between them.",
        "schema": {"type": "string", "maxLength": 1_000, "pattern": "^[!-~](?:[ -~]*[!-~])?$"},
    },
)
CHANGES: dict[str, Any] = {"parameters": [IDEMPOTENCY_KEY]}
"""openapi_extra of a route that changes something."""
CHANGES_VERSION: dict[str, Any] = {"parameters": [IDEMPOTENCY_KEY, IF_MATCH]}
"""openapi_extra of a route that changes one version of something into the next."""


def given(description: str, required: bool, **schema: Any) -> dict[str, Any]:
    """A header of an answer."""
    return {"description": description, "required": required, "schema": {"type": "string", **schema}}


ANSWER_ID = given("The request's id, as in our log.", True, pattern="^[A-Za-z0-9._:-]{1,100}$")
REPLAYED = given("There when this answer was given before, for the same Idempotency-Key.", False, enum=["true"])
ETAG = given("The version, for If-Match.", False, pattern='^"[0-9]+"$')
RETRY_AFTER = {
    "description": "Seconds after which a repeat may succeed.",
    "required": True,
    "schema": {"type": "integer", "minimum": 1},
}
CHALLENGE = given("How to prove oneself.", True)
