"""The gRPC status of each domain error."""

from __future__ import annotations

import grpc

from chassis.errors import FieldViolation, ServiceError
from chassis.interceptors.errors import ErrorTable
from order_svc.domain import errors
from order_svc.domain.order import Refusal

TABLE: ErrorTable = {
    errors.OrderNotFound: grpc.StatusCode.NOT_FOUND,
    errors.PaymentNotFound: grpc.StatusCode.NOT_FOUND,
    errors.SkuNotFound: grpc.StatusCode.NOT_FOUND,
    errors.FindingNotFound: grpc.StatusCode.NOT_FOUND,
    errors.ProviderUnknown: grpc.StatusCode.INVALID_ARGUMENT,
    errors.CurrencyMismatch: grpc.StatusCode.INVALID_ARGUMENT,
    errors.AmountTooLarge: grpc.StatusCode.INVALID_ARGUMENT,
    errors.OrderStateForbids: grpc.StatusCode.FAILED_PRECONDITION,
    errors.Overloaded: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.Unreachable: grpc.StatusCode.UNAVAILABLE,
}


def refused(refusal: Refusal) -> ServiceError:
    """A refusal that is stored with its order, as it was first returned."""
    code: grpc.StatusCode = grpc.StatusCode[refusal.code]
    violations: tuple[FieldViolation, ...] = ()
    if code is grpc.StatusCode.INVALID_ARGUMENT and "field" in refusal.metadata:
        violations = (FieldViolation(refusal.metadata["field"], refusal.reason, refusal.message),)
    return ServiceError(code, refusal.reason, refusal.message, refusal.metadata, violations)
