"""Refusals of the front door as bytes: ordinary problems, written without the application."""

from __future__ import annotations

import http
from collections.abc import Iterable

from edge import headers, problems
from edge.problems import Problem
from edge.secure_headers import OF_ANSWERS


class Refused(Exception):
    """A refusal, raised within the parser's callbacks."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.reason)
        self.problem = problem


def written(problem: Problem, given: Iterable[tuple[bytes, bytes]], method: bytes) -> bytes:
    """The complete response, which ends the connection. `given`: the request's headers as far as they are known."""
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
    """400: the received bytes are not HTTP."""
    return Problem(400, "HTTP_INVALID", "This is not a valid HTTP/1.1 request.")


def wrong_host() -> Problem:
    """RFC 9112, 3.2."""
    return Problem(400, "HTTP_INVALID", "An HTTP/1.1 request must have exactly one Host header.")


def target_too_long(most: int) -> Problem:
    """414."""
    return Problem(414, "TARGET_TOO_LONG", f"The path with its query is longer than {most} bytes.")


def head_too_large(detail: str) -> Problem:
    """431."""
    return Problem(431, "HEADERS_TOO_LARGE", detail)


def too_slow(part: str, seconds: float) -> Problem:
    """408."""
    return Problem(408, "REQUEST_TOO_SLOW", f"The {part} did not arrive within {seconds:g} s.")
