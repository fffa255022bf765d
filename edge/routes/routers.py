"""Makes each noun's router, with what all routes under /v1 share in the documentation."""

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
"""Brings the shape into the document; `edge.openapi.document` puts the statuses in the place of `default`."""
BEARER = Depends(HTTPBearer(auto_error=False))
"""Says in the document that a bearer token is needed; the middleware asks for it."""


def under_v1(tag: str) -> APIRouter:
    """A router under /v1. The bearer scheme is documented here and enforced by the middleware."""
    return under("/v1", tag)


def under(prefix: str, tag: str) -> APIRouter:
    """The same elsewhere."""
    return APIRouter(
        prefix=prefix,
        tags=[tag],
        route_class=Operation,
        responses=ANY_PROBLEM,
        dependencies=[BEARER],
    )
