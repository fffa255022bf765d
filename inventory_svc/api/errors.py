"""The gRPC status of each refusal of the inventory's rules."""

from __future__ import annotations

from grpc import StatusCode

from chassis.interceptors.errors import ErrorTable
from inventory_svc.domain import errors

TABLE: ErrorTable = {
    errors.SkuNotFound: StatusCode.NOT_FOUND,
    errors.LocationNotFound: StatusCode.NOT_FOUND,
    errors.LotNotFound: StatusCode.NOT_FOUND,
    errors.ReservationNotFound: StatusCode.NOT_FOUND,
    errors.SkuTaken: StatusCode.ALREADY_EXISTS,
    errors.SkuDiffersOnlyInForm: StatusCode.ALREADY_EXISTS,
    errors.LocationTaken: StatusCode.ALREADY_EXISTS,
    errors.VersionStale: StatusCode.ABORTED,
    errors.ReservationAborted: StatusCode.ABORTED,
    errors.DomainError: StatusCode.FAILED_PRECONDITION,
}
