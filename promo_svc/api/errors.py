"""The gRPC code of each domain error."""

from __future__ import annotations

import grpc

from promo_svc.domain import errors

TABLE: dict[type[Exception], grpc.StatusCode] = {
    errors.PromotionNotFound: grpc.StatusCode.NOT_FOUND,
    errors.PromotionTaken: grpc.StatusCode.ALREADY_EXISTS,
    errors.CodeTaken: grpc.StatusCode.ALREADY_EXISTS,
    errors.VersionStale: grpc.StatusCode.ABORTED,
    errors.StateForbids: grpc.StatusCode.FAILED_PRECONDITION,
    errors.LimitBelowUsed: grpc.StatusCode.FAILED_PRECONDITION,
    errors.UsageLimitReached: grpc.StatusCode.FAILED_PRECONDITION,
    errors.CustomerLimitReached: grpc.StatusCode.FAILED_PRECONDITION,
    errors.PromotionNotApplicable: grpc.StatusCode.FAILED_PRECONDITION,
    errors.SkuInStock: grpc.StatusCode.FAILED_PRECONDITION,
    errors.CustomerNoticesFull: grpc.StatusCode.FAILED_PRECONDITION,
    errors.SkuNoticesFull: grpc.StatusCode.FAILED_PRECONDITION,
    errors.RedemptionNotFound: grpc.StatusCode.NOT_FOUND,
    errors.RedemptionExpired: grpc.StatusCode.FAILED_PRECONDITION,
    errors.RedemptionReleased: grpc.StatusCode.FAILED_PRECONDITION,
    errors.RedemptionAborted: grpc.StatusCode.ABORTED,
}
