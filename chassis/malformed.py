"""Rejects calls whose bytes are not a message of the method's type, before the method sees them, without internal details.

When a deserializer raises, grpc returns UNKNOWN with the exception's text and logs a traceback. So this one returns
MALFORMED, and the handler of the call rejects it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any, Final

import grpc
from google.protobuf.message import DecodeError

from chassis import access, errors
from chassis.errors import ServiceError

MALFORMED: Final = object()
"""Stands for a request that could not be read."""
REFUSAL = ServiceError(
    grpc.StatusCode.INVALID_ARGUMENT, "MESSAGE_MALFORMED", "the bytes are not a message of this method's request type"
)


def refuse(method: str) -> ServiceError:
    """The error for such a call; logged once a second for each method."""
    access.refusals.note("rpc.malformed", method=method)
    return REFUSAL


def reader(parse: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    """`parse`, but MALFORMED for bytes that it cannot read."""

    def read(raw: bytes) -> Any:
        try:
            return parse(raw)
        except DecodeError:
            return MALFORMED

    return read


def guarded(path: str, handler: Any) -> Any:
    """A method of grpc's own servicers (health, reflection). They do not know MALFORMED, so it is rejected before them."""
    name = path.removeprefix("/")
    if handler.unary_unary is not None:
        return handler._replace(unary_unary=_unary(name, handler.unary_unary))
    if handler.unary_stream is not None:
        return handler._replace(unary_stream=_streamed(name, handler.unary_stream))
    return handler._replace(stream_stream=_exchange(name, handler.stream_stream))


def _unary(name: str, behaviour: Callable[..., Any]) -> Callable[..., Any]:
    async def handle(message: Any, rpc: Any) -> Any:
        if message is MALFORMED:
            await _abort(name, rpc)
        return await behaviour(message, rpc)

    return handle


def _streamed(name: str, behaviour: Callable[..., Any]) -> Callable[..., Any]:
    async def handle(message: Any, rpc: Any) -> Any:
        if message is MALFORMED:
            await _abort(name, rpc)
        return await behaviour(message, rpc)

    return handle


def _exchange(name: str, behaviour: Callable[..., Any]) -> Callable[..., Any]:
    async def handle(messages: Any, rpc: Any) -> AsyncIterator[Any]:
        async def readable() -> AsyncIterator[Any]:
            async for message in messages:
                if message is MALFORMED:
                    await _abort(name, rpc)
                yield message

        async for answer in behaviour(readable(), rpc):
            yield answer

    return handle


async def _abort(name: str, rpc: Any) -> None:
    error = refuse(name)
    await rpc.abort(error.code, error.message, errors.trailers(error))
