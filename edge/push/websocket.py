"""`/ws/inventory`: the messages to and from a WebSocket client. The README of edge describes the protocol."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

import orjson
from pydantic import ValidationError
from starlette.types import Receive, Scope, Send

from chassis import context
from edge import answers, headers, problems
from edge.problems import Problem
from edge.push import asking
from edge.push.door import Push, allowed
from edge.push.frames import text
from edge.push.protocol import FRAME
from edge.push.pushed import Pushed
from edge.push.session import Session
from edge.push.subscriber import Control, Ending, Subscriber
from edge.push.tickets import PROTOCOL_PREFIX
from edge.push.visitor import Visitor
from edge.schemas.streams import Message, StreamQuery, Subscription

SUBPROTOCOL = "one-stock.v1"
"""Optional. A browser that offers its ticket as a subprotocol needs one to be accepted."""


class WebSocketStream:
    """The ASGI application of the route."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one connection."""
        given = next((value for name, value in scope["headers"] if name == headers.REQUEST_ID), None)
        context.request_id.set(headers.request_id(given))
        push: Push = scope["app"].state.push
        try:
            query = _query(scope["query_string"])
            token = query.after or query.last_event_id
            subscriber = await push.admit("websocket", asking.to_filter(query), Visitor.of(scope), token)
            snapshot = asking.wants_snapshot(query, subscriber.filter, bool(token))
        except Problem as refused:
            await answers.deny(answers.of_problem(refused), send)
            return
        wire = WebSocketWire(push, subscriber, receive, send)
        session = Session(push.hub, push.stock, subscriber, wire, snapshot)
        wire.session = session
        await send({"type": "websocket.accept", "subprotocol": _subprotocol(scope["subprotocols"])})
        await session.run(bool(token))


class WebSocketWire:
    """See `edge.push.session.Wire`."""

    session: Session

    def __init__(self, push: Push, subscriber: Subscriber, receive: Receive, send: Send) -> None:
        self._push = push
        self._subscriber = subscriber
        self._receive = receive
        self._write = send

    async def events(self, batch: Sequence[Pushed], token: str) -> None:
        await self._write({"type": FRAME, "frame": self._push.frames.of(batch, token)})

    async def say(self, word: str, body: Any, token: str | None) -> None:  # noqa: ARG002 - the body has it
        await self._write({"type": FRAME, "frame": text(orjson.dumps({word: body}))})

    async def part(self, word: str, body: Mapping[str, Any], ending: Ending) -> None:
        await self._write({"type": FRAME, "frame": text(orjson.dumps({word: body})), "last": True})
        await self._write({"type": "websocket.close", "code": ending.code, "reason": ending.why})

    async def heard(self) -> None:
        while True:
            message = await self._receive()
            if message["type"] == "websocket.disconnect":
                return
            if message["type"] == "websocket.receive":
                try:
                    await self._obey(message.get("text") or message.get("bytes") or b"")
                except Problem as wrong:
                    self._subscriber.say(Control("error", _error(wrong)))

    async def _obey(self, raw: str | bytes) -> None:
        asked = _message(raw)
        await self.session.arrived.wait()  # resumed events and the snapshot go first
        if "ping" in asked.model_fields_set:
            self._subscriber.say(Control("pong", {"ping": asked.ping}))
        elif asked.subscribe is not None:
            await self._subscribe(asked.subscribe)
        else:
            self._push.hub.part(self._subscriber)
            self._subscriber.clear()
            self._subscriber.say(Control("unsubscribed", {}))

    async def _subscribe(self, asked: Subscription) -> None:
        push, subscriber = self._push, self._subscriber
        wanted = allowed(subscriber.visitor.grant, asking.to_filter(asked))
        snapshot = asking.wants_snapshot(asked, wanted, False)
        if unknown := await push.hub.unknown(wanted.sources(push.hub.feeds), 0):
            raise Problem(
                503, "DEPENDENCY_UNAVAILABLE", f"No response since this process started: {', '.join(unknown)}."
            )
        push.hub.part(subscriber)
        subscriber.clear()
        subscriber.filter = wanted
        subscriber.say(Control("subscribed", {"filters": wanted.document(), "snapshot": snapshot}))
        push.hub.join(subscriber)
        if snapshot:
            await self.session.snapshot()


def _query(raw: bytes) -> StreamQuery:
    pairs = parse_qsl(raw.decode("latin-1"), keep_blank_values=True)
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names):
        raise problems.invalid_field(next(name for name in names if names.count(name) > 1), "is given more than once")
    try:
        return StreamQuery.model_validate(dict(pairs))
    except ValidationError as wrong:
        raise problems.from_validation(wrong.errors(include_url=False, include_context=False)) from wrong


def _message(raw: str | bytes) -> Message:
    try:
        asked = Message.model_validate_json(raw)
    except ValidationError as wrong:
        raise problems.from_validation(wrong.errors(include_url=False, include_context=False)) from wrong
    if len(asked.model_fields_set) != 1:
        raise problems.invalid_field("body", "must have exactly one of subscribe, unsubscribe and ping")
    try:
        orjson.dumps(asked.ping)
    except TypeError:
        raise problems.invalid_field("ping", "must not contain a whole number of more than 64 bits") from None
    if "unsubscribe" in asked.model_fields_set and asked.unsubscribe is not True:
        raise problems.invalid_field("unsubscribe", "must be true")
    if "subscribe" in asked.model_fields_set and asked.subscribe is None:
        raise problems.invalid_field("subscribe", "must be an object")
    return asked


def _error(wrong: Problem) -> dict[str, Any]:
    return dict(orjson.loads(wrong.document(context.request_id.get())))


def _subprotocol(offered: Sequence[str]) -> str | None:
    if SUBPROTOCOL in offered:
        return SUBPROTOCOL
    return next((one for one in offered if one.startswith(PROTOCOL_PREFIX)), None)
