"""Admission of live clients: whether there is room, what the client asks for, what it may see, where it resumes."""

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
"""A new process first asks each service for its log's position; clients that connect earlier wait up to this long."""


@dataclass(frozen=True)
class Push:
    """The dependencies of the handlers of live routes; one per process."""

    hub: Hub
    stock: StockReader
    frames: Frames

    async def admit(self, kind: Kind, wanted: Filter, visitor: Visitor, token: str) -> Subscriber:
        """Admits a client; `token` may be "". Problem 401, 403, 422, 429, 503."""
        self._check(visitor)
        wanted = allowed(visitor.grant, wanted)
        floors = _floors(token)
        unknown = await self.hub.unknown(wanted.sources(self.hub.feeds), KNOWN_WITHIN_S)
        if unknown:
            words = f"No response since this process started: {', '.join(unknown)}."
            raise Problem(503, "DEPENDENCY_UNAVAILABLE", words, headers=((b"retry-after", b"1"),))
        self._check(visitor)  # the last places may be taken by now; from here to `hub.enter` there is no await
        return Subscriber(kind, wanted, visitor, floors)

    def refusal(self, visitor: Visitor, places: Places) -> Problem | None:
        """The problem if this visitor is refused; None if it is admitted."""
        if self.hub.draining:
            return problems.shutting_down()
        if visitor.grant.ended(self.hub.unix_s()):
            return problems.unauthenticated("TOKEN_EXPIRED", "The ticket has expired.", INVALID_TOKEN)
        return places.refusal(visitor)

    def _check(self, visitor: Visitor) -> None:
        if refused := self.refusal(visitor, self.hub.places):
            raise refused


def allowed(grant: Grant, wanted: Filter) -> Filter:
    """The filter within the grant. Problem 403."""
    try:
        return grant.narrow(wanted)
    except ScopeMissing as missing:
        text = f"{missing}."
        raise Problem(403, "SCOPE_MISSING", text[0].upper() + text[1:], {"scope": missing.scope}) from missing


def _floors(token: str) -> dict[str, int]:
    if not token:
        return {}
    try:
        return resume_token.decode(token)
    except TokenInvalid as wrong:
        raise problems.invalid_field("after", str(wrong)) from wrong
