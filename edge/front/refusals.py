"""Refusals of the front door as bytes: a problem like any other, written without the application."""

from __future__ import annotations

import http
from collections.abc import Iterable

from edge import headers, problems
from edge.problems import Problem
from edge.secure_headers import OF_ANSWERS


class Refused(Exception):
    """Raised within the parser's callbacks."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.reason)
        self.problem = problem


def written(problem: Problem, given: Iterable[tuple[bytes, bytes]], method: bytes) -> bytes:
    """The whole answer; the connection ends with it. `given` are the request's headers as far as they are known."""
    request_id = headers.request_id(next((value for name, value in given if name == headers.REQUEST_ID), None))
    body = problem.document(request_id)
    lines = [
        f"HTTP/1.1 {problem.status} {http.HTTPStatus(problem.status).phrase}".encode(),
        b"content-type: " + problems.CONTENT_TYPE,
        b"content-length: %d" % len(body),
        b"connection: close",
        b"x-request-id: " + request_id.encode(),
        *(name + b": " + value for name, value in (*problem.headers, *OF_ANSWERS)),
    ]
    return b"\r\n".join([*lines, b"", b"" if method == b"HEAD" else body])


def malformed() -> Problem:
    """What came is no HTTP."""
    return Problem(400, "HTTP_INVALID", "This is not a request of HTTP/1.1.")


def wrong_host() -> Problem:
    """RFC 9112, 3.2."""
    return Problem(400, "HTTP_INVALID", "A request of HTTP/1.1 has exactly one Host header.")


def target_too_long(most: int) -> Problem:
    """414."""
    return Problem(414, "TARGET_TOO_LONG", f"A path with its query has at most {most} bytes.")


def head_too_large(detail: str) -> Problem:
    """431."""
    return Problem(431, "HEADERS_TOO_LARGE", detail)


def too_slow(part: str, seconds: float) -> Problem:
    """408."""
    return Problem(408, "REQUEST_TOO_SLOW", f"The {part} did not arrive within {seconds:g} s.")
