"""HTTP responses: plain data for JSON, or a problem; written to ASGI in one body message."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.types import Send

from chassis import context
from edge import headers, problems
from edge.problems import Problem

JSON = b"application/json"
JSON_OPTIONS = orjson.OPT_UTC_Z


@dataclass(slots=True)
class Answer:
    """A handler's result: plain data for JSON, or bytes with their own content type."""

    body: Mapping[str, Any] | bytes
    status: int = 200
    headers: tuple[tuple[bytes, bytes], ...] = ()
    content_type: bytes = JSON


def replayed(again: bool) -> tuple[tuple[bytes, bytes], ...]:
    """The header that marks the response to a repeated request."""
    return (headers.REPLAYED,) if again else ()


def of_problem(problem: Problem) -> Answer:
    """The response for a problem, with the id of the current request."""
    document = problem.document(context.request_id.get())
    return Answer(document, problem.status, problem.headers, problems.CONTENT_TYPE)


async def send(answer: Answer, to: Send) -> None:
    """Writes the response. The body is serialised before anything is sent, so that a failure can still become a 500."""
    await _send(answer, to, "http.response")


async def deny(answer: Answer, to: Send) -> None:
    """Writes the response instead of accepting a WebSocket."""
    await _send(answer, to, "websocket.http.response")


async def _send(answer: Answer, to: Send, kind: str) -> None:
    body = answer.body if isinstance(answer.body, bytes) else orjson.dumps(answer.body, option=JSON_OPTIONS)
    lines = [
        (b"content-type", answer.content_type),
        (b"content-length", str(len(body)).encode()),
        *answer.headers,
    ]
    await to({"type": f"{kind}.start", "status": answer.status, "headers": lines})
    await to({"type": f"{kind}.body", "body": body})
