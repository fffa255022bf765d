"""Makes each noun's router, with what all routes under /v1 share in the documentation."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends
from fastapi.security import HTTPBearer

from edge.operation import Operation
from edge.schemas.fields import ProblemAnswer

PROBLEM: dict[int | str, dict[str, Any]] = {
    "default": {
        "description": "An error (RFC 9457)",
        "model": ProblemAnswer,
    }
}
_IDEMPOTENCY_KEY = {
    "in": "header",
    "name": "Idempotency-Key",
    "required": False,
    "description": "Makes the change safe to repeat: the same key on the same path is the same change.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
}
_IF_MATCH = {
    "in": "header",
    "name": "If-Match",
    "required": False,
    "description": "The ETag as it was read; 412 when it has changed since.",
    "schema": {"type": "string"},
}
CHANGES: dict[str, Any] = {"parameters": [_IDEMPOTENCY_KEY]}
"""openapi_extra of a route that changes something."""
CHANGES_VERSION: dict[str, Any] = {"parameters": [_IDEMPOTENCY_KEY, _IF_MATCH]}
"""openapi_extra of a route that changes one version of something into the next."""


def under_v1(tag: str) -> APIRouter:
    """A router under /v1. The bearer scheme is documented here and enforced by the middleware."""
    return under("/v1", tag)


def under(prefix: str, tag: str) -> APIRouter:
    """The same elsewhere."""
    return APIRouter(
        prefix=prefix,
        tags=[tag],
        route_class=Operation,
        responses=PROBLEM,
        dependencies=[Depends(HTTPBearer(auto_error=False))],
    )
