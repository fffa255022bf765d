"""Turns exceptions into gRPC statuses: service errors as they are, domain errors by the service's table, others as INTERNAL."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Protocol, TypeAlias

import grpc
import psycopg
import redis.exceptions

from chassis import access, db_errors, errors
from chassis.errors import ServiceError

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


class DomainError(Protocol):
    """The attributes that every service's domain errors have."""

    reason: str

    @property
    def metadata(self) -> Mapping[str, str]: ...


ErrorTable: TypeAlias = Mapping[type[Exception], grpc.StatusCode]


def answer(context: Context, raised: Exception, table: ErrorTable) -> ServiceError:
    """Sets the call's status from the exception; returns the error for metrics.

    `context.abort` would do the same by raising an exception of its own, at several times the cost of a refusal.
    """
    error = to_service_error(raised, table)
    context.set_code(error.code)
    context.set_details(error.message)
    context.set_trailing_metadata(errors.trailers(error))
    return error


def to_service_error(raised: Exception, table: ErrorTable) -> ServiceError:
    """The error that a caller may see for an exception; unexpected exceptions are logged."""
    if isinstance(raised, ServiceError):
        if raised.reason == "INTERNAL":
            _note(raised)
        return raised
    for kind in type(raised).__mro__:
        if kind in table:
            return _from_domain(raised, table[kind])
    if isinstance(raised, asyncio.TimeoutError):
        return ServiceError(grpc.StatusCode.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED", "the deadline passed")
    if isinstance(raised, psycopg.Error) and (named := db_errors.service_error(raised)) is not None:
        return named
    if isinstance(raised, redis.exceptions.ConnectionError | redis.exceptions.TimeoutError):
        return errors.unavailable("GATE_UNREACHABLE", "Redis does not answer")
    _note(raised)
    return ServiceError(grpc.StatusCode.INTERNAL, "INTERNAL", "internal error")


def _note(raised: Exception) -> None:
    access.bugs.note("rpc.failed", raised, error=repr(raised)[: access.MOST_CHARACTERS])


def _from_domain(raised: Any, code: grpc.StatusCode) -> ServiceError:
    """A domain error has a reason and metadata (see DomainError); its text is for people.

    Metadata `field` also makes the BadRequest, and errors that may be retried say when (see the table in errors.py).
    """
    domain_error: DomainError = raised
    reason, metadata = domain_error.reason, domain_error.metadata
    violations: tuple[errors.FieldViolation, ...] = ()
    if code is grpc.StatusCode.INVALID_ARGUMENT and "field" in metadata:
        violations = (errors.FieldViolation(metadata["field"], reason, str(raised)),)
    retry_after_ms = errors.RETRY_AFTER_MS.get(code)
    return ServiceError(code, reason, str(raised), metadata, violations, retry_after_ms)
