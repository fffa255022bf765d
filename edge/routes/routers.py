"""Creates each noun's router, with the documentation that all routes under /v1 share."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends
from fastapi.security import HTTPBearer

from edge.operation import Operation
from edge.schemas.fields import ProblemAnswer

ANY_PROBLEM: dict[int | str, dict[str, Any]] = {
    "default": {
        "description": "An error (RFC 9457)",
        "model": ProblemAnswer,
    }
}
"""Adds the problem's schema to the document; `edge.openapi.document` replaces `default` with the statuses."""
BEARER = Depends(HTTPBearer(auto_error=False))
"""Documents that a bearer token is required; the middleware checks it."""


def under_v1(tag: str) -> APIRouter:
    """A router under /v1. The bearer scheme is documented here; the middleware enforces it."""
    return under("/v1", tag)


def under(prefix: str, tag: str) -> APIRouter:
    """The same under any prefix."""
    return APIRouter(
        prefix=prefix,
        tags=[tag],
        route_class=Operation,
        responses=ANY_PROBLEM,
        dependencies=[BEARER],
    )
