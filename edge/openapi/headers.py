"""The request and response headers of operations, as the document describes them."""

from __future__ import annotations

from typing import Any

from edge import headers
from edge.webhooks import standard

IDEMPOTENCY_KEY: dict[str, Any] = {
    "in": "header",
    "name": "Idempotency-Key",
    "required": False,
    "description": "Makes the change safe to repeat: for one caller, the same key on the same path is the same change.",
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
    "description": "The ETag that was read, or *. 412 if the resource has changed since.",
    "schema": {"type": "string", "maxLength": headers.MOST_ETAG_CHARACTERS, "pattern": headers.IF_MATCH_PATTERN},
}
REQUEST_TIMEOUT: dict[str, Any] = {
    "in": "header",
    "name": "X-Request-Timeout-Ms",
    "required": False,
    "description": "How long the caller waits, in milliseconds; after this time 504.",
    "schema": {"type": "integer", "minimum": 1, "maximum": headers.MOST_TIMEOUT_MS},
}
REQUEST_ID: dict[str, Any] = {
    "in": "header",
    "name": "X-Request-Id",
    "required": False,
    "description": "Used if it has 1 to 100 characters of A-Za-z0-9._:-, otherwise replaced by a generated id; never refused.",
    "schema": {"type": "string"},
}
WEBHOOK: tuple[dict[str, Any], ...] = (
    {
        "in": "header",
        "name": "webhook-id",
        "required": True,
        "description": "The id of the event; a repeat has the same id.",
        "schema": {"type": "string", "maxLength": 100, "pattern": standard.ID_PATTERN},
    },
    {
        "in": "header",
        "name": "webhook-timestamp",
        "required": True,
        "description": f"Unix time in seconds, at most {standard.TOLERANCE_S} s from now.",
        "schema": {"type": "string", "maxLength": 12, "pattern": standard.TIMESTAMP_PATTERN},
    },
    {
        "in": "header",
        "name": "webhook-signature",
        "required": True,
        "description": "`v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`; blanks separate several signatures.",
        "schema": {"type": "string", "maxLength": 1_000, "pattern": "^[!-~](?:[ -~]*[!-~])?$"},
    },
)
CHANGES: dict[str, Any] = {"parameters": [IDEMPOTENCY_KEY]}
"""openapi_extra of a route that changes something."""
CHANGES_VERSION: dict[str, Any] = {"parameters": [IDEMPOTENCY_KEY, IF_MATCH]}
"""openapi_extra of a route that changes something with a version."""


def given(description: str, required: bool, **schema: Any) -> dict[str, Any]:
    """A response header."""
    return {"description": description, "required": required, "schema": {"type": "string", **schema}}


ANSWER_ID = given("The id of the request, as in the server's log.", True, pattern="^[A-Za-z0-9._:-]{1,100}$")
REPLAYED = given(
    "Present when this response repeats an earlier one with the same Idempotency-Key.", False, enum=["true"]
)
ETAG = given("The version, to be sent in If-Match.", False, pattern='^"[0-9]+"$')
RETRY_AFTER = {
    "description": "Seconds to wait before a retry.",
    "required": True,
    "schema": {"type": "integer", "minimum": 1},
}
CHALLENGE = given("The authentication scheme to use.", True)
