"""Who asks for live events: what they may see, where they come from, and the socket that they came over."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from starlette.types import Scope

from edge.call import GRANT
from edge.front.sockets import TRANSPORT, cut_off
from edge.push.filters import EVERYTHING, Grant


@dataclass(frozen=True, eq=False)
class Visitor:
    """One per connection. `address` is "" where the server does not say it; then only the other bounds count."""

    grant: Grant = EVERYTHING
    address: str = ""
    transport: asyncio.WriteTransport | None = None

    @classmethod
    def of(cls, scope: Scope) -> Visitor:
        """The one who sent this request."""
        client = scope.get("client")
        return cls(scope[GRANT], client[0] if client else "", scope.get(TRANSPORT))

    @property
    def socket_bytes(self) -> int:
        """What was written and is not yet in the kernel's hands."""
        return 0 if self.transport is None or self.transport.is_closing() else self.transport.get_write_buffer_size()

    def cut_off(self) -> None:
        """Closes the socket now, whatever it holds."""
        if self.transport is not None:
            cut_off(self.transport)


OPERATOR = Visitor()
"""Who may see everything, from nowhere."""
