"""Resume tokens: a client's position in the log of each source, as opaque text."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping

import orjson

VERSION = 1
MOST_CHARACTERS = 1_000
"""Four sources with the largest positions need 150."""
MOST_SOURCES = 20
MOST_POSITION = 2**62
"""The same limit as in ListEvents."""


class TokenInvalid(ValueError):
    """The text is not a valid resume token."""


def encode(positions: Mapping[str, int]) -> str:
    """The token of a client that has seen every source up to these positions."""
    raw = orjson.dumps({"v": VERSION, "p": dict(positions)})
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decode(token: str) -> dict[str, int]:
    """The positions. TokenInvalid. Tokens are not signed: they hold no secret, and a forged one only starts elsewhere."""
    if len(token) > MOST_CHARACTERS:
        raise TokenInvalid(f"is longer than {MOST_CHARACTERS} characters")
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        document = orjson.loads(raw)
        version, positions = document["v"], document["p"]
    except (binascii.Error, ValueError, KeyError, TypeError) as wrong:
        raise TokenInvalid("is not a resume token") from wrong
    if version != VERSION:
        raise TokenInvalid("is a resume token of another release")
    if not isinstance(positions, dict) or len(positions) > MOST_SOURCES:
        raise TokenInvalid("is not a resume token")
    if not all(type(place) is int and 0 <= place <= MOST_POSITION for place in positions.values()):
        raise TokenInvalid("has a position out of range")
    return positions
