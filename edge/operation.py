"""Turns a request into a call of its handler, and the result into an HTTP response; FastAPI only routes and documents.

FastAPI's own way (dependencies, two exit stacks, parse, then validate) costs more than the rest of the edge.
Handlers take `call`, the path's parameters and, if they need them, `body` and `query` (models).
"""

from __future__ import annotations

import inspect
import typing
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar
from urllib.parse import parse_qsl

from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError
from starlette.routing import BaseRoute, Match
from starlette.types import Message, Receive, Scope, Send

from chassis import access, context
from chassis.errors import ServiceError
from edge import answers, headers, problems
from edge.answers import Answer
from edge.call import SLASH_IN_SEGMENT, Call
from edge.headers import HeaderInvalid
from edge.problems import Problem


class Stream(Protocol):
    """A response that lasts until the caller ends it."""

    async def send(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Writes the whole stream."""


Handler = Callable[..., Awaitable[Answer | Stream]]
Wrapped = TypeVar("Wrapped", bound=Handler)


@dataclass(frozen=True)
class Options:
    """`rest_names`: prefixes of proto field paths that differ over REST, with the prefixes that replace them."""

    deadline_s: float = context.DEFAULT_DEADLINE_S
    rest_names: Mapping[str, str] = field(default_factory=dict)

    def rest_path(self, path: str) -> str:
        """The REST path of a message's field."""
        for beginning, instead in self.rest_names.items():
            if path.startswith(beginning):
                return instead + path[len(beginning) :] or "body"
        return path


def options(
    deadline_s: float = context.DEFAULT_DEADLINE_S, rest_names: Mapping[str, str] | None = None
) -> Callable[[Wrapped], Wrapped]:
    """Sets a handler's options; a handler without them has the defaults."""

    def keep(handler: Wrapped) -> Wrapped:
        handler.__dict__["options"] = Options(deadline_s, rest_names or {})
        return handler

    return keep


class Operation(APIRoute):
    """One method of one path; a GET operation also serves HEAD."""

    def __init__(self, path: str, endpoint: Handler, **documentation: Any) -> None:
        documentation["operation_id"] = endpoint.__name__
        super().__init__(path, endpoint, **documentation)
        hints = typing.get_type_hints(endpoint)
        self._handler = endpoint
        self._options: Options = endpoint.__dict__.get("options", Options())
        self._body = _model(hints.get("body"))
        self._query = _model(hints.get("query"))
        self._path_names = [name for name in inspect.signature(endpoint).parameters if f"{{{name}}}" in path]
        self.app = self._serve
        self.own_methods = frozenset(self.methods or ())
        self.path_methods = frozenset[str]()
        """Methods of all operations of this path, including HEAD: see `know_each_other`."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Routes HEAD to GET. The first path that matches hides the others, whatever the method: see app._routers."""
        match, child = super().matches(scope)
        if match is Match.PARTIAL:
            method = scope["method"]
            if method not in self.path_methods or (method == "HEAD" and "GET" in self.own_methods):
                return Match.FULL, child
        return match, child

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves the request. HTTPException 405 for a method that the path does not support."""
        if scope["method"] == "HEAD" and "GET" in self.own_methods:
            await self.app(scope, receive, _without_body(send))
        else:
            await super().handle(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        call = Call(scope, receive, send)
        answer: Answer | Stream
        try:
            answer = await self._handler(call, **await self._arguments(call))
        except ServiceError as refused:
            conditional = call.header(headers.IF_MATCH) is not None
            problem = problems.from_service_error(refused, conditional, self._options.rest_path)
            if problem.status == 500:
                access.bugs.note("edge.call_failed", refused, code=refused.code.name)
            answer = answers.of_problem(problem)
        except HeaderInvalid as wrong:
            answer = answers.of_problem(problems.from_header(wrong))
        except Problem as refused_here:
            answer = answers.of_problem(refused_here)
        if isinstance(answer, Answer):
            await answers.send(answer, send)
        else:
            await answer.send(scope, receive, send)

    async def _arguments(self, call: Call) -> dict[str, Any]:
        asked_s = headers.timeout_s(call.header(headers.REQUEST_TIMEOUT))
        context.set_deadline(self._options.deadline_s if asked_s is None else asked_s)
        path = call.scope["path_params"]
        arguments = {name: path[name].replace(SLASH_IN_SEGMENT, "/") for name in self._path_names}
        try:
            if self._query is not None:
                arguments["query"] = self._query.model_validate(_query(call.scope["query_string"]))
            if self._body is not None:
                arguments["body"] = self._body.model_validate_json(await call.read() or b"{}")
        except ValidationError as wrong:
            raise problems.from_validation(wrong.errors(include_url=False, include_context=False)) from wrong
        return arguments


def know_each_other(routes: Iterable[BaseRoute]) -> None:
    """Sets the `path_methods` of each operation."""
    of_path: dict[str, set[str]] = defaultdict(set)
    operations = [route for route in routes if isinstance(route, Operation)]
    for operation in operations:
        of_path[operation.path_format] |= operation.own_methods | (
            {"HEAD"} if "GET" in operation.own_methods else set()
        )
    for operation in operations:
        operation.path_methods = frozenset(of_path[operation.path_format])


def _without_body(send: Send) -> Send:
    async def headers_only(message: Message) -> None:
        await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

    return headers_only


def _query(raw: bytes) -> dict[str, str]:
    """The query's parameters. Problem 422 when one is given twice, which would be ambiguous."""
    pairs = parse_qsl(raw.decode("latin-1"), keep_blank_values=True)
    values = dict(pairs)
    if len(values) < len(pairs):
        names = [name for name, _ in pairs]
        raise problems.invalid_field(next(name for name in names if names.count(name) > 1), "is given more than once")
    return values


def _model(hint: Any) -> type[BaseModel] | None:
    return hint if isinstance(hint, type) and issubclass(hint, BaseModel) else None
