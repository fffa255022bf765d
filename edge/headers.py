"""The HTTP headers that the edge reads and writes: names, rules and conversions."""

from __future__ import annotations

import hashlib
import re

from chassis import ids

AUTHORIZATION = b"authorization"
CONTENT_LENGTH = b"content-length"
FORWARDED_FOR = b"x-forwarded-for"
FORWARDED_PROTO = b"x-forwarded-proto"
IDEMPOTENCY_KEY = b"idempotency-key"
IF_MATCH = b"if-match"
REQUEST_ID = b"x-request-id"
REQUEST_TIMEOUT = b"x-request-timeout-ms"

REPLAYED = (b"idempotency-replayed", b"true")
MOST_KEY_CHARACTERS = 255
MOST_TIMEOUT_MS = 60_000
"""The longest deadline, whatever the caller asks for: a response that no caller awaits is wasted work."""
MOST_TIMEOUT_S = MOST_TIMEOUT_MS / 1000

KEY_PATTERN = r"^[!-~](?:[ -~]{0,253}[!-~])?$"
"""Blanks at either end are not part of a header's value."""
IF_MATCH_PATTERN = r'^(?:\*|(?:W/)?"[!#-~]{0,250}")$'
MOST_ETAG_CHARACTERS = 254

_KEY = re.compile(KEY_PATTERN)
_TIMEOUT = re.compile(r"[1-9][0-9]{0,5}")
_IF_MATCH = re.compile(IF_MATCH_PATTERN)
_DERIVED_CHARACTERS = 32  # of four bits each: 128 bits, so two keys do not collide


class HeaderInvalid(Exception):
    """A header with an invalid value: `name` in its usual spelling, and what is wrong."""

    def __init__(self, name: str, description: str) -> None:
        super().__init__(f"{name}: {description}")
        self.name = name
        self.description = description


def request_id(raw: bytes | None) -> str:
    """The caller's X-Request-Id if every log and id field can hold it, else a new one."""
    if raw is not None:
        text = raw.decode("latin-1")
        if ids.REQUEST_ID.fullmatch(text):
            return text
    return ids.new_id("req")


def idempotency_key(raw: bytes | None) -> str | None:
    """The Idempotency-Key, or None without one. HeaderInvalid unless it is 1 to 255 printable ASCII characters."""
    if raw is None:
        return None
    text = raw.decode("latin-1")
    if not _KEY.fullmatch(text):
        raise HeaderInvalid("Idempotency-Key", f"must be 1 to {MOST_KEY_CHARACTERS} printable ASCII characters")
    return text


def derived_id(prefix: str, *parts: str) -> str:
    """The same id for the same parts, always. Lengths are hashed too, so ("ab", "c") differs from ("a", "bc")."""
    digest = hashlib.sha256()
    for part in parts:
        raw = part.encode()
        digest.update(len(raw).to_bytes(4, "big"))
        digest.update(raw)
    return f"{prefix}_{digest.hexdigest()[:_DERIVED_CHARACTERS]}"


def timeout_s(raw: bytes | None) -> float | None:
    """X-Request-Timeout-Ms in seconds, or None without one. HeaderInvalid unless it is 1 to 60,000."""
    if raw is None:
        return None
    text = raw.decode("latin-1")
    if not _TIMEOUT.fullmatch(text) or not 1 <= int(text) <= MOST_TIMEOUT_MS:
        raise HeaderInvalid("X-Request-Timeout-Ms", f"must be a whole number from 1 to {MOST_TIMEOUT_MS}")
    return int(text) / 1000


def if_match(raw: bytes | None) -> str | None:
    """The entity tag of If-Match without its quotes, possibly empty; None without the header or with `*`."""
    if raw is None or raw == b"*":
        return None
    text = raw.decode("latin-1")
    if not _IF_MATCH.fullmatch(text):
        raise HeaderInvalid("If-Match", 'must be one entity tag in double quotes, such as "7", or *')
    return text.removeprefix("W/").strip('"')


def etag(value: str | int) -> tuple[bytes, bytes]:
    """The ETag header for a version or a stored etag."""
    return b"etag", f'"{value}"'.encode()
