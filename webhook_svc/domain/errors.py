"""Errors of the webhook rules: each with its reason and every number of its message."""

from __future__ import annotations


class DomainError(Exception):
    """A refused request; `reason` is a name of webhook.v1.ErrorReason or common.v1.ErrorReason."""

    reason = ""

    def __init__(self, message: str, **metadata: str) -> None:
        super().__init__(message)
        self._metadata = metadata

    @property
    def metadata(self) -> dict[str, str]:
        """Every number and name of the message."""
        return dict(self._metadata)


class EndpointNotFound(DomainError):
    """No endpoint has this id, or it was deleted."""

    reason = "ENDPOINT_NOT_FOUND"

    def __init__(self, endpoint_id: str) -> None:
        super().__init__(f"no endpoint {endpoint_id}", endpoint_id=endpoint_id)


class EndpointDisabled(DomainError):
    """The endpoint is disabled, so nothing is sent to it."""

    reason = "ENDPOINT_DISABLED"

    def __init__(self, endpoint_id: str, disabled_reason: str) -> None:
        super().__init__(
            f"endpoint {endpoint_id} is disabled ({disabled_reason}); enable it first",
            endpoint_id=endpoint_id,
            disabled_reason=disabled_reason,
        )


class DeliveryNotFound(DomainError):
    """The endpoint has no such delivery, or it was deleted."""

    reason = "DELIVERY_NOT_FOUND"

    def __init__(self, endpoint_id: str, delivery_id: str) -> None:
        super().__init__(
            f"endpoint {endpoint_id} has no delivery {delivery_id}", endpoint_id=endpoint_id, delivery_id=delivery_id
        )


class TooManyEndpoints(DomainError):
    """The number of endpoints is limited, as every process keeps all of them in memory."""

    reason = "TOO_MANY_ENDPOINTS"

    def __init__(self, limit: int) -> None:
        super().__init__(f"there are already {limit} endpoints, the maximum; delete others first", limit=str(limit))


class VersionStale(DomainError):
    """The endpoint changed since the caller read it."""

    reason = "VERSION_STALE"

    def __init__(self, expected: str, actual: str) -> None:
        super().__init__(
            f"changed since it was read: expected etag {expected}, current etag {actual}",
            expected=expected,
            actual=actual,
        )
