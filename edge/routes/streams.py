"""REST routes of live push: the event stream, and tickets for browsers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from edge.answers import Answer
from edge.call import Call
from edge.push import asking, sse
from edge.push.sse import EventStream
from edge.push.visitor import Visitor
from edge.routes.routers import under_v1
from edge.schemas import streams as schema

router = under_v1("streams")


class EventStreamResponse(Response):
    """For the document only: the route returns an EventStream."""

    media_type = "text/event-stream"


LAST_EVENT_ID = b"last-event-id"


@router.get(
    "/inventory/stream",
    response_model=None,
    summary="Stream live events as server-sent events",
    response_class=EventStreamResponse,
    response_description="Events until the client disconnects",
)
async def stream(call: Call, query: Annotated[schema.StreamQuery, Query()]) -> Answer | EventStream:
    if call.method == "HEAD":
        return Answer(b"", content_type=sse.CONTENT_TYPE)
    header = call.header(LAST_EVENT_ID)
    token = header.decode("latin-1") if header else query.last_event_id or query.after
    subscriber = await call.push.admit("sse", asking.to_filter(query), Visitor.of(call.scope), token)
    snapshot = asking.wants_snapshot(query, subscriber.filter, bool(token))
    return EventStream(call.push, subscriber, snapshot, bool(token))


@router.post(
    "/stream-tickets",
    response_model=schema.TicketAnswer,
    status_code=201,
    summary="Issue a ticket with which a browser can see some topics for a limited time",
)
async def issue_ticket(call: Call, body: schema.TicketRequest) -> Answer:
    ticket, expires_s = call.tickets.issue(body.topics, body.skus or (), body.orders or (), body.ttl_seconds)
    expires_at = datetime.fromtimestamp(expires_s, UTC).isoformat().replace("+00:00", "Z")
    issued: schema.TicketAnswer = {"ticket": ticket, "expires_at": expires_at}
    return Answer(issued, 201)
