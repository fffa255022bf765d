"""Opaque page tokens: the key of the last row, signed together with the query and the caller, so that a token is valid only
for both.

A forged token, or one of another query, is rejected before its content is used. The content of a signed token is checked
too: two releases may disagree about a key.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any, TypeAlias

import orjson

from chassis import config, context, errors, timestamps
from chassis.errors import ServiceError

Part: TypeAlias = "str | int | datetime"

SIGNATURE_BYTES = 16
MOST_CHARACTERS = 1_000
MOST_WHOLE = 2**63 - 1


def token(query: str, last: Sequence[Part]) -> str:
    """The token for the page after the row with key `last`."""
    parts = [part.astimezone(UTC).isoformat() if isinstance(part, datetime) else part for part in last]
    body = orjson.dumps(parts)
    return base64.urlsafe_b64encode(_signature(query, body) + body).decode().rstrip("=")


def after(query: str, page_token: str, *kinds: type[Part]) -> tuple[Any, ...] | None:
    """The key after which the page begins, one value of each kind; None for the first page. PAGE_TOKEN_INVALID when the token
    is not from a page of this query and caller."""
    if not page_token:
        return None
    body = _body(query, page_token)
    try:
        found = orjson.loads(body or b"null")
    except orjson.JSONDecodeError:
        raise _invalid() from None
    if not isinstance(found, list) or len(found) != len(kinds):
        raise _invalid()
    return tuple(_part(kind, value) for kind, value in zip(kinds, found, strict=True))


def _body(query: str, page_token: str) -> bytes | None:
    """The content of a token that is signed for this query and caller; None for all others."""
    if len(page_token) > MOST_CHARACTERS or not page_token.isascii():
        return None
    try:
        raw = base64.b64decode(page_token + "=" * (-len(page_token) % 4), altchars=b"-_", validate=True)
    except binascii.Error:
        return None
    signature, body = raw[:SIGNATURE_BYTES], raw[SIGNATURE_BYTES:]
    return body if hmac.compare_digest(signature, _signature(query, body)) else None


def _part(kind: type[Part], value: object) -> Part:
    if kind is datetime and isinstance(value, str):
        try:
            return timestamps.parse(value)
        except ValueError:
            raise _invalid() from None
    if kind is int and type(value) is int and -MOST_WHOLE <= value <= MOST_WHOLE:
        return value
    if kind is str and isinstance(value, str) and "\0" not in value:
        return value
    raise _invalid()


def _signature(query: str, body: bytes) -> bytes:
    """A signature over caller, query and body, each preceded by its length, so that their boundaries are unambiguous."""
    signed = hmac.new(_key(), digestmod=hashlib.sha256)
    for part in (context.caller.get().encode(), query.encode(), body):
        signed.update(len(part).to_bytes(8, "big"))
        signed.update(part)
    return signed.digest()[:SIGNATURE_BYTES]


@cache
def _key() -> bytes:
    """A key derived from the setting: nothing else that is ever signed with the setting can pass as a page token."""
    return hmac.digest(config.page_token_key().encode(), b"one-stock page tokens", "sha256")


def _invalid() -> ServiceError:
    return errors.invalid("page_token", "PAGE_TOKEN_INVALID", "is not a page token of this query")
