"""Errors of the promotion rules: each with its reason and every number of its message."""

from __future__ import annotations


class DomainError(Exception):
    """A refused request; `reason` is a name of promo.v1.ErrorReason or common.v1.ErrorReason."""

    reason = ""

    def __init__(self, message: str, **metadata: str) -> None:
        super().__init__(message)
        self._metadata = metadata

    @property
    def metadata(self) -> dict[str, str]:
        """Every number and name of the message."""
        return dict(self._metadata)


class PromotionNotFound(DomainError):
    """No promotion has this id."""

    reason = "PROMOTION_NOT_FOUND"

    def __init__(self, promotion_id: str) -> None:
        super().__init__(f"no promotion {promotion_id}", promotion_id=promotion_id)


class PromotionTaken(DomainError):
    """Another promotion has this id."""

    reason = "PROMOTION_TAKEN"

    def __init__(self, promotion_id: str) -> None:
        super().__init__(f"promotion {promotion_id} already exists", promotion_id=promotion_id)


class CodeTaken(DomainError):
    """Another promotion has this code."""

    reason = "CODE_TAKEN"

    def __init__(self, code: str) -> None:
        super().__init__(f"another promotion has the code {code}", code=code)


class VersionStale(DomainError):
    """The promotion changed since the caller read it."""

    reason = "VERSION_STALE"

    def __init__(self, expected: str, actual: str) -> None:
        super().__init__(
            f"changed since it was read: expected etag {expected}, current etag {actual}",
            expected=expected,
            actual=actual,
        )


class StateForbids(DomainError):
    """The promotion's state does not allow it."""

    reason = "STATE_FORBIDS"

    def __init__(self, promotion_id: str, state: str) -> None:
        super().__init__(
            f"promotion {promotion_id} is in state {state}, which does not allow this",
            promotion_id=promotion_id,
            state=state,
        )


class LimitBelowUsed(DomainError):
    """A limit may not fall below the uses that were given out."""

    reason = "LIMIT_BELOW_USED"

    def __init__(self, promotion_id: str, used: int, limit: int) -> None:
        super().__init__(
            f"{used} uses of {promotion_id} are already given out; the limit cannot be {limit}",
            promotion_id=promotion_id,
            used=str(used),
            limit=str(limit),
        )


class UsageLimitReached(DomainError):
    """No uses are left."""

    reason = "USAGE_LIMIT"

    def __init__(self, promotion_id: str, limit: int) -> None:
        super().__init__(f"all {limit} uses of {promotion_id} are taken", promotion_id=promotion_id, limit=str(limit))


class CustomerLimitReached(DomainError):
    """The customer has no uses left, or is a guest (customer_id empty)."""

    reason = "CUSTOMER_LIMIT"

    def __init__(self, promotion_id: str, customer_id: str, limit: int) -> None:
        who = f"customer {customer_id}" if customer_id else "a guest"
        super().__init__(
            f"{who} has no uses of {promotion_id} left; the limit per customer is {limit}",
            promotion_id=promotion_id,
            customer_id=customer_id,
            limit=str(limit),
        )


class PromotionNotApplicable(DomainError):
    """The quote no longer holds: quote again."""

    reason = "PROMOTION_NOT_APPLICABLE"

    def __init__(self, promotion_id: str, status: str) -> None:
        super().__init__(
            f"promotion {promotion_id} is not applicable: {status}", promotion_id=promotion_id, status=status
        )


class SkuInStock(DomainError):
    """The sku is available, so there is no need for a notice."""

    reason = "SKU_IN_STOCK"

    def __init__(self, sku: str, available: int) -> None:
        super().__init__(f"sku {sku} is in stock: {available} units are available", sku=sku, available=str(available))


class CustomerNoticesFull(DomainError):
    """The customer has the maximum of open requests."""

    reason = "CUSTOMER_NOTICES_FULL"

    def __init__(self, customer_id: str, limit: int) -> None:
        message = f"customer {customer_id} already waits for {limit} skus, the maximum"
        super().__init__(message, customer_id=customer_id, limit=str(limit))


class SkuNoticesFull(DomainError):
    """The sku has the maximum of open requests."""

    reason = "SKU_NOTICES_FULL"

    def __init__(self, sku: str, limit: int) -> None:
        super().__init__(f"{limit} customers already wait for {sku}, the maximum", sku=sku, limit=str(limit))


class RedemptionNotFound(DomainError):
    """No redemption has this id."""

    reason = "REDEMPTION_NOT_FOUND"

    def __init__(self, redemption_id: str) -> None:
        super().__init__(f"no redemption {redemption_id}", redemption_id=redemption_id)


class RedemptionExpired(DomainError):
    """It expired before it was committed."""

    reason = "REDEMPTION_EXPIRED"

    def __init__(self, redemption_id: str) -> None:
        super().__init__(f"redemption {redemption_id} has expired", redemption_id=redemption_id)


class RedemptionReleased(DomainError):
    """It was given back."""

    reason = "REDEMPTION_RELEASED"

    def __init__(self, redemption_id: str) -> None:
        super().__init__(f"redemption {redemption_id} was released", redemption_id=redemption_id)


class RedemptionAborted(DomainError):
    """It was undone before it was complete."""

    reason = "REDEMPTION_ABORTED"

    def __init__(self, redemption_id: str) -> None:
        super().__init__(f"redemption {redemption_id} was undone; use a new request_id", redemption_id=redemption_id)
