"""The refusals of the order service, each with a reason; api/errors.py maps them to gRPC codes."""

from __future__ import annotations

from collections.abc import Mapping

from order_svc.domain.order import Refusal


class DomainError(Exception):
    """Base of all refusals; its text is for people, and `metadata` carries every number in it."""

    reason = ""

    def __init__(self, message: str, /, **metadata: str) -> None:
        super().__init__(message)
        self._metadata = metadata

    @property
    def metadata(self) -> Mapping[str, str]:
        """ErrorInfo.metadata."""
        return self._metadata


class OrderNotFound(DomainError):
    """No order has this id."""

    reason = "ORDER_NOT_FOUND"

    def __init__(self, order_id: str) -> None:
        super().__init__(f"there is no order {order_id}", order_id=order_id)


class PaymentNotFound(DomainError):
    """No payment has this reference."""

    reason = "PAYMENT_NOT_FOUND"

    def __init__(self, reference: str) -> None:
        super().__init__(f"there is no payment {reference}", payment_reference=reference)


class ProviderUnknown(DomainError):
    """No such payment provider."""

    reason = "PROVIDER_UNKNOWN"

    def __init__(self, field: str, provider: str) -> None:
        super().__init__(f"{field}: there is no payment provider {provider}", field=field)


class SkuNotFound(DomainError):
    """A line names a sku that inventory does not have."""

    reason = "SKU_NOT_FOUND"

    def __init__(self, line: int, sku: str) -> None:
        super().__init__(f"lines[{line}].sku: there is no sku {sku}", field=f"lines[{line}].sku", sku=sku)


class CurrencyMismatch(DomainError):
    """A sku is priced in another currency than the order's."""

    reason = "CURRENCY_MISMATCH"

    def __init__(self, sku: str, priced_in: str) -> None:
        super().__init__(f"currency: {sku} is priced in {priced_in}", field="currency", sku=sku, currency=priced_in)


class AmountTooLarge(DomainError):
    """A line or the order exceeds the largest amount."""

    reason = "FIELD_INVALID"

    def __init__(self, field: str, most_minor: int) -> None:
        super().__init__(f"{field}: the amount would exceed {most_minor} minor units", field=field)


class OrderStateForbids(DomainError):
    """The order's state does not allow it."""

    reason = "ORDER_STATE_FORBIDS"

    def __init__(self, order_id: str, state: str) -> None:
        super().__init__(f"order {order_id} is {state}", order_id=order_id, state=state)


class FindingNotFound(DomainError):
    """The audit has no such finding."""

    reason = "FINDING_NOT_FOUND"

    def __init__(self, finding_id: str) -> None:
        super().__init__(f"the audit has no finding {finding_id}", finding_id=finding_id)


class GoodsHaveLeft(OrderStateForbids):
    """A confirmed order cannot be cancelled: all its goods have left."""

    def __init__(self, order_id: str, state: str) -> None:
        DomainError.__init__(
            self,
            f"order {order_id} stays {state}: all its goods have left",
            order_id=order_id,
            state=state,
            why="GOODS_HAVE_LEFT",
        )


class Overloaded(DomainError):
    """Too many sagas run in this process; nothing was done."""

    reason = "OVERLOADED"

    def __init__(self) -> None:
        super().__init__("too many orders are being placed")


class Refused(DomainError):
    """A definite refusal, by this or another service, that is stored with the order."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message, **refusal.metadata)
        self.refusal = refusal
        self.reason = refusal.reason


class Unreachable(DomainError):
    """A dependency gave no definite answer: it may have done the call. Retry with the same id."""

    reason = "DEPENDENCY_UNAVAILABLE"

    def __init__(self, dependency: str, detail: str) -> None:
        super().__init__(f"{dependency} does not answer: {detail}", dependency=dependency)
        self.detail = detail


class OutcomeUnknown(Unreachable):
    """The payment provider was called and the outcome is unknown: look the payment up by its key."""


def refused(code: str, reason: str, message: str, /, **metadata: str) -> Refused:
    """A refusal by this service. `code` names a gRPC status code."""
    return Refused(Refusal(code, reason, message, metadata))


def payment_declined(order_id: str, decline_code: str) -> Refused:
    """The provider or the customer's bank declined, or the bank's confirmation timed out."""
    message = f"the payment was declined: {decline_code}"
    metadata = {"order_id": order_id, "decline_code": decline_code}
    return refused("FAILED_PRECONDITION", "PAYMENT_DECLINED", message, **metadata)
