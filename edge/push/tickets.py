"""Tickets, which browsers show instead of the API token, which they must not have. Signed, short-lived, for some topics."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Callable, Sequence

import orjson

from edge.push.filters import Grant

PURPOSE = b"one-stock stream ticket 2"
"""Derives a signing key that signs nothing else; a new number invalidates all tickets."""
PROTOCOL_PREFIX = "ticket."
"""Marks the ticket among the subprotocols of a WebSocket."""


class TicketInvalid(Exception):
    """The ticket is incomplete, or its signature is wrong."""


class TicketExpired(Exception):
    """The ticket was valid and has expired."""


class Tickets:
    """Signs and reads tickets; every process with the same TICKET_KEY accepts them."""

    def __init__(self, key: str, unix_s: Callable[[], float] = time.time) -> None:
        self._key = hmac.digest(key.encode(), PURPOSE, hashlib.sha256)
        self._unix_s = unix_s

    def issue(self, topics: Sequence[str], skus: Sequence[str], orders: Sequence[str], ttl_s: int) -> tuple[str, float]:
        """A ticket and its expiry in Unix seconds."""
        expires_s = int(self._unix_s()) + ttl_s
        claims = {"t": sorted(set(topics)), "s": sorted(set(skus)), "o": sorted(set(orders)), "e": expires_s}
        body = _text(orjson.dumps(claims))
        return f"{body}.{self._signature(body)}", expires_s

    def read(self, ticket: str) -> Grant:
        """The grant of a ticket. TicketInvalid, TicketExpired."""
        body, _, signature = ticket.partition(".")
        if not ticket.isascii() or not hmac.compare_digest(signature, self._signature(body)):
            raise TicketInvalid
        try:
            claims = orjson.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        except (binascii.Error, ValueError) as odd:
            raise TicketInvalid from odd
        if claims["e"] <= self._unix_s():
            raise TicketExpired
        return Grant(frozenset(claims["t"]), frozenset(claims["s"]), frozenset(claims["o"]), claims["e"], signature)

    def _signature(self, body: str) -> str:
        return _text(hmac.digest(self._key, body.encode(), hashlib.sha256))


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
