"""The caller of a live route: its grant, its address and its socket."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from starlette.types import Scope

from edge.front.sockets import TRANSPORT, cut_off
from edge.push.filters import EVERYTHING, Grant
from edge.scope import GRANT


@dataclass(frozen=True, eq=False)
class Visitor:
    """One per connection. `address` is "" if the server does not know it; then only the other limits apply."""

    grant: Grant = EVERYTHING
    address: str = ""
    transport: asyncio.WriteTransport | None = None

    @classmethod
    def of(cls, scope: Scope) -> Visitor:
        """The visitor that sent this request."""
        client = scope.get("client")
        return cls(scope[GRANT], client[0] if client else "", scope.get(TRANSPORT))

    @property
    def socket_bytes(self) -> int:
        """Bytes that were written and that the kernel has not taken yet."""
        return 0 if self.transport is None or self.transport.is_closing() else self.transport.get_write_buffer_size()

    def cut_off(self) -> None:
        """Closes the socket now and drops unsent data."""
        if self.transport is not None:
            cut_off(self.transport)


OPERATOR = Visitor()
"""A visitor with full access, without an address or a socket."""
