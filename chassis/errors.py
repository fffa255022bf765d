"""Errors between processes: a gRPC code, a documented reason, metadata with every number, and the invalid fields.

The shape follows google.rpc (Status, ErrorInfo, BadRequest, RetryInfo); AIP-193 is the source of the rules.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import grpc
from google.protobuf.any_pb2 import Any
from google.rpc import error_details_pb2, status_pb2

DOMAIN = "one-stock"
DETAILS_KEY = "grpc-status-details-bin"
RETRY_AFTER_MS = {grpc.StatusCode.UNAVAILABLE: 500, grpc.StatusCode.RESOURCE_EXHAUSTED: 200}
"""When a retry may succeed, for errors that do not say so themselves."""


@dataclass(frozen=True)
class FieldViolation:
    """One invalid field: its path such as `lines[0].quantity`, a reason, and a text for people."""

    path: str
    reason: str
    description: str


@dataclass(eq=False)
class ServiceError(Exception):
    """An error that crosses process boundaries. `retry_after_ms` says when a retry may succeed."""

    code: grpc.StatusCode
    reason: str
    message: str
    metadata: Mapping[str, str] = field(default_factory=dict)
    violations: tuple[FieldViolation, ...] = ()
    retry_after_ms: int | None = None

    def __str__(self) -> str:
        return f"{self.reason}: {self.message}"


def invalid(path: str, reason: str, description: str) -> ServiceError:
    """INVALID_ARGUMENT for one field."""
    return invalid_fields([FieldViolation(path, reason, description)])


def required(path: str) -> ServiceError:
    """INVALID_ARGUMENT: FIELD_REQUIRED."""
    return invalid(path, "FIELD_REQUIRED", "is required")


def invalid_fields(violations: list[FieldViolation]) -> ServiceError:
    """INVALID_ARGUMENT for several fields; reason and message are those of the first."""
    first = violations[0]
    return ServiceError(
        grpc.StatusCode.INVALID_ARGUMENT,
        first.reason,
        f"{first.path}: {first.description}",
        {"field": first.path},
        tuple(violations),
    )


def unavailable(reason: str, message: str, retry_after_ms: int = 500, **metadata: str) -> ServiceError:
    """UNAVAILABLE with RetryInfo: nothing is lost; the caller may retry with the same request_id."""
    return ServiceError(grpc.StatusCode.UNAVAILABLE, reason, message, metadata, (), retry_after_ms)


def overloaded(message: str, retry_after_ms: int = 200) -> ServiceError:
    """RESOURCE_EXHAUSTED with RetryInfo: rejected before anything was done."""
    return ServiceError(grpc.StatusCode.RESOURCE_EXHAUSTED, "OVERLOADED", message, {}, (), retry_after_ms)


def trailers(error: ServiceError) -> tuple[tuple[str, bytes], ...]:
    """The trailing metadata that carries the error's details (google.rpc.Status, serialized)."""
    status = _status(
        error.code.value[0],
        error.reason,
        error.message,
        tuple(error.metadata.items()),
        error.violations,
        error.retry_after_ms,
    )
    return ((DETAILS_KEY, status),)


@lru_cache(maxsize=512)  # in a rush for the last item thousands of callers receive the same error
def _status(
    number: int,
    reason: str,
    message: str,
    metadata: tuple[tuple[str, str], ...],
    violations: tuple[FieldViolation, ...],
    retry_after_ms: int | None,
) -> bytes:
    details = [_packed(error_details_pb2.ErrorInfo(reason=reason, domain=DOMAIN, metadata=dict(metadata)))]
    if violations:
        bad_request = error_details_pb2.BadRequest()
        for violation in violations:
            bad_request.field_violations.add(
                field=violation.path, reason=violation.reason, description=violation.description
            )
        details.append(_packed(bad_request))
    if retry_after_ms is not None:
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.FromMilliseconds(retry_after_ms)
        details.append(_packed(retry))
    raw: bytes = status_pb2.Status(code=number, message=message, details=details).SerializeToString()
    return raw


def _packed(message: error_details_pb2.ErrorInfo | error_details_pb2.BadRequest | error_details_pb2.RetryInfo) -> Any:
    packed = Any()
    packed.Pack(message)
    return packed


AWAY = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)


def from_rpc_error(error: grpc.aio.AioRpcError) -> ServiceError:
    """Reads an error that another server sent; without details, the reason is the name of the code.

    CANCELLED that this process did not cause comes from a server that shuts down (grpc/grpc issue 41785): no handler
    has seen the call.
    """
    raw = dict(error.trailing_metadata() or ()).get(DETAILS_KEY)
    message = error.details() or error.code().name
    if not isinstance(raw, bytes):
        retry = 500 if error.code() in AWAY else None
        return ServiceError(error.code(), error.code().name, message, {}, (), retry)
    return from_status(error.code(), status_pb2.Status.FromString(raw))


def from_status(code: grpc.StatusCode, status: status_pb2.Status) -> ServiceError:
    """Turns a google.rpc.Status back into the error that it was made from."""
    info = error_details_pb2.ErrorInfo()
    bad_request = error_details_pb2.BadRequest()
    retry = error_details_pb2.RetryInfo()
    retry_after_ms = None
    for detail in status.details:
        if detail.Is(info.DESCRIPTOR):
            detail.Unpack(info)
        elif detail.Is(bad_request.DESCRIPTOR):
            detail.Unpack(bad_request)
        elif detail.Is(retry.DESCRIPTOR):
            detail.Unpack(retry)
            retry_after_ms = retry.retry_delay.ToMilliseconds()
    violations = tuple(FieldViolation(v.field, v.reason, v.description) for v in bad_request.field_violations)
    return ServiceError(code, info.reason or code.name, status.message, dict(info.metadata), violations, retry_after_ms)
