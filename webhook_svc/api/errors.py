"""The gRPC code of each domain error."""

from __future__ import annotations

import grpc

from webhook_svc.domain import errors

TABLE: dict[type[Exception], grpc.StatusCode] = {
    errors.EndpointNotFound: grpc.StatusCode.NOT_FOUND,
    errors.EndpointDisabled: grpc.StatusCode.FAILED_PRECONDITION,
    errors.DeliveryNotFound: grpc.StatusCode.NOT_FOUND,
    errors.TooManyEndpoints: grpc.StatusCode.FAILED_PRECONDITION,
    errors.VersionStale: grpc.StatusCode.ABORTED,
}
