"""Who comes in: whether there is room, what the client asked for, what it may have, and where it goes on."""

from __future__ import annotations

from dataclasses import dataclass

from edge import problems
from edge.problems import Problem
from edge.push import resume_token
from edge.push.filters import Filter, Grant, ScopeMissing
from edge.push.frames import Frames
from edge.push.hub import Hub
from edge.push.places import Places
from edge.push.resume_token import TokenInvalid
from edge.push.services import StockReader
from edge.push.subscriber import Kind, Subscriber
from edge.push.visitor import Visitor

INVALID_TOKEN = b'Bearer realm="one-stock", error="invalid_token"'
KNOWN_WITHIN_S = 2.0
"""A process that has just begun asks each service where its log stands; who comes earlier waits so long."""


@dataclass(frozen=True)
class Push:
    """What the handlers of live routes need; one per process."""

    hub: Hub
    stock: StockReader
    frames: Frames

    async def admit(self, kind: Kind, wanted: Filter, visitor: Visitor, token: str) -> Subscriber:
        """A place for a client; `token` may be "". Problem 401, 403, 422, 429, 503."""
        self._check(visitor)
        wanted = allowed(visitor.grant, wanted)
        floors = _floors(token)
        unknown = await self.hub.unknown(wanted.sources(self.hub.feeds), KNOWN_WITHIN_S)
        if unknown:
            words = f"Not heard of since this process began: {', '.join(unknown)}."
            raise Problem(503, "DEPENDENCY_UNAVAILABLE", words, headers=((b"retry-after", b"1"),))
        self._check(visitor)  # the last places may have gone meanwhile; from here to `hub.enter` nothing waits
        return Subscriber(kind, wanted, visitor, floors)

    def refusal(self, visitor: Visitor, places: Places) -> Problem | None:
        """Why this visitor does not come in; None when it may."""
        if self.hub.draining:
            return problems.shutting_down()
        if visitor.grant.ended(self.hub.unix_s()):
            return problems.unauthenticated("TOKEN_EXPIRED", "The ticket has expired.", INVALID_TOKEN)
        return places.refusal(visitor)

    def _check(self, visitor: Visitor) -> None:
        if refused := self.refusal(visitor, self.hub.places):
            raise refused


def allowed(grant: Grant, wanted: Filter) -> Filter:
    """The filter within what was granted. Problem 403."""
    try:
        return grant.narrow(wanted)
    except ScopeMissing as missing:
        raise Problem(403, "SCOPE_MISSING", f"{missing}.".capitalize(), {"scope": missing.scope}) from missing


def _floors(token: str) -> dict[str, int]:
    if not token:
        return {}
    try:
        return resume_token.decode(token)
    except TokenInvalid as wrong:
        raise problems.invalid_field("after", str(wrong)) from wrong
