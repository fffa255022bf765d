"""Errors over HTTP: RFC 9457 problems, and the one table from gRPC codes and reasons to HTTP statuses."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson
from grpc import StatusCode
from pydantic_core import ErrorDetails

from chassis.errors import ServiceError
from edge.headers import REPLAYED, HeaderInvalid

CONTENT_TYPE = b"application/problem+json"
CLOSE = (b"connection", b"close")
INTERNAL_DETAIL = "An internal error occurred; the server's log has it under the request id."

STATUS_OF_CODE = {
    StatusCode.INVALID_ARGUMENT: 422,
    StatusCode.OUT_OF_RANGE: 422,
    StatusCode.NOT_FOUND: 404,
    StatusCode.ALREADY_EXISTS: 409,
    StatusCode.FAILED_PRECONDITION: 409,
    StatusCode.ABORTED: 409,
    StatusCode.RESOURCE_EXHAUSTED: 429,
    StatusCode.UNAUTHENTICATED: 401,
    StatusCode.PERMISSION_DENIED: 403,
    StatusCode.UNAVAILABLE: 503,
    StatusCode.CANCELLED: 503,
    StatusCode.DEADLINE_EXCEEDED: 504,
}
"""Every other code means a bug on the server's side: 500."""
STATUS_OF_REASON = {"PAYMENT_DECLINED": 402, "OVERLOADED": 503, "TRANSACTION_CONFLICT": 503}
REASON_OF_CODE = {
    StatusCode.UNAVAILABLE: "DEPENDENCY_UNAVAILABLE",
    StatusCode.CANCELLED: "DEPENDENCY_UNAVAILABLE",
    StatusCode.RESOURCE_EXHAUSTED: "OVERLOADED",
    StatusCode.INVALID_ARGUMENT: "FIELD_INVALID",
}
"""The reason of an error without details, which gRPC itself raised and not a service."""
RETRY_STATUSES = (429, 503)
LEAST_RETRY_S = 1
MOST_ERRORS = 100
"""One per line of the largest basket; a body full of invalid fields must not produce a larger response."""
MOST_PATH = 200

FieldError = dict[str, str]
_LINE_KEY = re.compile(r"lines\[(\d{1,4})\]\.(\w+)")
_EMPTY = ("too_short", "string_too_short")


@dataclass(eq=False)
class Problem(Exception):
    """One refusal as an HTTP problem. `errors` is set when fields are invalid."""

    status: int
    reason: str
    detail: str
    metadata: Mapping[str, str] | None = None
    errors: Sequence[FieldError] = ()
    headers: tuple[tuple[bytes, bytes], ...] = ()

    def document(self, request_id: str) -> bytes:
        """The body: the members of RFC 9457, then the product's own."""
        body: dict[str, Any] = {
            "type": f"urn:one-stock:problem:{self.reason.lower().replace('_', '-')}",
            "title": self.reason.replace("_", " ").capitalize(),
            "status": self.status,
            "detail": self.detail,
            "reason": self.reason,
            "metadata": dict(self.metadata or {}),
            "request_id": request_id,
        }
        if self.errors:
            body["errors"] = list(self.errors)
        if lines := _lines(self.metadata or {}):
            body["lines"] = lines
        return orjson.dumps(body)


def from_service_error(error: ServiceError, conditional: bool, rest_path: Callable[[str], str]) -> Problem:
    """The problem for a service's error.

    `conditional`: the request had If-Match, so a stale version is HTTP's own failed precondition (412).
    `rest_path` maps the path of a message's field to the path of the REST field.
    """
    status = _status(error, conditional)
    if status == 500:
        return internal()
    foreign = error.reason == error.code.name  # no ErrorInfo: gRPC itself failed, and its text names internal addresses
    reason = REASON_OF_CODE.get(error.code, error.reason) if foreign else error.reason
    if foreign and reason == "OVERLOADED":
        status = 503
    metadata = dict(error.metadata)
    if "field" in metadata:
        metadata["field"] = rest_path(metadata["field"])
    detail = _title_of(reason) if foreign else _detail(error, rest_path)
    headers = _retry_after(error, status)
    if metadata.pop("replayed", "") == "true":
        headers = (*headers, REPLAYED)
    return Problem(status, reason, detail, metadata, _field_errors(error, rest_path), headers)


def renamed(error: ServiceError, names: Mapping[str, str]) -> ServiceError:
    """The same error with other paths for the fields in `names`: for fields that a route has moved."""
    violations = tuple(replace(wrong, path=names.get(wrong.path, wrong.path)) for wrong in error.violations)
    metadata = dict(error.metadata)
    if "field" in metadata:
        metadata["field"] = names.get(metadata["field"], metadata["field"])
    return replace(error, violations=violations, metadata=metadata)


def from_validation(errors: Sequence[ErrorDetails]) -> Problem:
    """The problem for a body or a query that does not match its schema; 400 when a body is not JSON."""
    if errors[0]["type"] == "json_invalid":
        return Problem(400, "JSON_INVALID", f"The body is not JSON: {errors[0]['msg'].removeprefix('Invalid JSON: ')}")
    return invalid([_from_pydantic(error) for error in errors[:MOST_ERRORS]])


def invalid(wrong: Sequence[FieldError]) -> Problem:
    """The problem for invalid fields; the first gives reason and detail."""
    first = wrong[0]
    return Problem(422, first["reason"], f"{first['field']}: {first['message']}", {"field": first["field"]}, wrong)


def invalid_field(field: str, message: str) -> Problem:
    """The problem for one invalid field."""
    return invalid([{"field": field, "reason": "FIELD_INVALID", "message": message}])


def too_costly(limit: str, most: int) -> Problem:
    """The problem for a GraphQL document that exceeds a limit: it may have `most` of the things named in `limit`."""
    words = f"A query may have at most {most} {limit}."
    return Problem(422, "QUERY_TOO_COSTLY", words, {"limit": limit, "most": str(most)})


def from_header(wrong: HeaderInvalid) -> Problem:
    """The problem for an invalid header; its name takes the place of a field's path."""
    return invalid_field(wrong.name, wrong.description)


def never_a_version(tag: str) -> Problem:
    """412: this entity tag was never issued."""
    return Problem(412, "VERSION_STALE", "If-Match: is not the current version.", {"expected": tag})


def shutting_down() -> Problem:
    """503 of a process that is shutting down."""
    return Problem(503, "SHUTTING_DOWN", "This process is shutting down.", headers=((b"retry-after", b"1"),))


def too_large(most: int) -> Problem:
    """413."""
    return Problem(413, "BODY_TOO_LARGE", f"The body is larger than {most} bytes.")


def body_too_slow() -> Problem:
    """408: nothing was done; the rest of the body is not read."""
    return Problem(408, "REQUEST_TOO_SLOW", "The body did not arrive before the deadline.", headers=(CLOSE,))


def internal() -> Problem:
    """500, without details of the bug."""
    return Problem(500, "INTERNAL", INTERNAL_DETAIL)


def unauthenticated(reason: str, detail: str, challenge: bytes) -> Problem:
    """401 with the challenge that RFC 9110 requires."""
    return Problem(401, reason, detail, headers=((b"www-authenticate", challenge),))


def overloaded(detail: str) -> Problem:
    """503: refused before anything was done."""
    return Problem(503, "OVERLOADED", detail, headers=((b"retry-after", b"1"),))


def too_many_connections(of: str, most: int) -> Problem:
    """429: a ticket or an address has reached its limit of live connections. `of` names which."""
    words = f"One {of} may have at most {most} live connections at once."
    about = {"limit": of, "most": str(most)}
    return Problem(429, "TOO_MANY_CONNECTIONS", words, about, headers=((b"retry-after", b"5"),))


def _status(error: ServiceError, conditional: bool) -> int:
    if conditional and error.reason == "VERSION_STALE":
        return 412
    return STATUS_OF_REASON.get(error.reason, STATUS_OF_CODE.get(error.code, 500))


def _detail(error: ServiceError, rest_path: Callable[[str], str]) -> str:
    if error.violations:
        path, words = error.violations[0].path, error.violations[0].description
    else:
        path, words = error.metadata.get("field", ""), error.message
    return f"{rest_path(path)}: {_without_path(words, path)}" if path else words


def _field_errors(error: ServiceError, rest_path: Callable[[str], str]) -> list[FieldError]:
    if error.code is not StatusCode.INVALID_ARGUMENT:
        return []
    wrong = [(violation.path, violation.reason, violation.description) for violation in error.violations]
    if not wrong and "field" in error.metadata:
        wrong = [(error.metadata["field"], error.reason, error.message)]
    return [
        {"field": rest_path(path), "reason": reason or error.reason, "message": _without_path(words, path)}
        for path, reason, words in wrong
    ]


def _without_path(words: str, path: str) -> str:
    """Some messages begin with the proto's field path, which may differ over REST."""
    return words.removeprefix(f"{path}: ")


def _retry_after(error: ServiceError, status: int) -> tuple[tuple[bytes, bytes], ...]:
    if status not in RETRY_STATUSES:
        return ()
    seconds = max(LEAST_RETRY_S, -(-(error.retry_after_ms or 0) // 1000))
    return ((b"retry-after", str(seconds).encode()),)


def _title_of(reason: str) -> str:
    return reason.replace("_", " ").capitalize()


def _lines(metadata: Mapping[str, str]) -> list[dict[str, str | int]]:
    """Groups `lines[2].available` and similar keys into one object per line, with whole numbers as numbers."""
    folded: dict[int, dict[str, str | int]] = {}
    for key, value in metadata.items():
        if found := _LINE_KEY.fullmatch(key):
            line = folded.setdefault(int(found[1]), {"line": int(found[1])})
            line[found[2]] = int(value) if found[2] in ("requested", "available") and _whole(value) else value
    return [folded[number] for number in sorted(folded)]


def _whole(text: str) -> bool:
    return text.removeprefix("-").isdigit()


def _from_pydantic(error: ErrorDetails) -> FieldError:
    missing = error["type"] == "missing" or (error["type"] in _EMPTY and not error["input"])
    message = {"missing": "is required", "extra_forbidden": "is not a field of this request"}.get(error["type"])
    return {
        "field": field_path(error["loc"]),
        "reason": "FIELD_REQUIRED" if missing else "FIELD_INVALID",
        "message": message or error["msg"].removeprefix("Value error, "),
    }


def field_path(location: Sequence[str | int]) -> str:
    """`("lines", 0, "sku")` as `lines[0].sku`; the whole body is `body`."""
    path = ""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path[:MOST_PATH] or "body"
