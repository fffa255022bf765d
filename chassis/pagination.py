"""Opaque page tokens: the last row's key and a fingerprint of the query, so that a token fits only its own query."""

from __future__ import annotations

import base64
import binascii

import grpc
import orjson

from chassis import ids
from chassis.errors import ServiceError

Key = list[str | int]


def token(query: str, last: Key) -> str:
    """The token for the page after the row with key `last`."""
    return base64.urlsafe_b64encode(orjson.dumps([ids.fingerprint(query)[:8], last])).decode().rstrip("=")


def after(query: str, page_token: str) -> Key | None:
    """The key to go on after; None for the first page. PAGE_TOKEN_INVALID when it is not ours or of another query."""
    if not page_token:
        return None
    try:
        mark, last = orjson.loads(base64.urlsafe_b64decode(page_token + "=" * (-len(page_token) % 4)))
    except (ValueError, TypeError, binascii.Error):
        mark, last = "", []
    if mark != ids.fingerprint(query)[:8] or not isinstance(last, list):
        raise ServiceError(
            grpc.StatusCode.INVALID_ARGUMENT,
            "PAGE_TOKEN_INVALID",
            "page_token: is not from a page of this query",
            {"field": "page_token"},
        )
    return last
