"""The port to payment providers: the operations of every provider's adapter, and what the saga may rely on.

Every operation is idempotent by `key`, the payment's idempotency key, which the saga stores before the call; a partial
refund has a key of its own. `refunded_minor` of each result is the amount given back so far, held or taken before.
"""

from __future__ import annotations

from typing import Protocol

from order_svc.domain.order import ProviderPayment


class PaymentProvider(Protocol):
    """One provider. Raises OutcomeUnknown when the answer was lost, Unreachable when the call did not arrive."""

    name: str

    async def authorize(self, key: str, order_id: str, amount_minor: int, currency: str, token: str) -> ProviderPayment:
        """Holds the amount: AUTHORIZED, DECLINED or ACTION_REQUIRED. A repeat returns the outcome of the first call."""
        ...

    async def lookup(self, key: str) -> ProviderPayment | None:
        """The payment as it is now; None when the provider does not know the key."""
        ...

    async def capture(self, key: str) -> ProviderPayment:
        """Takes the money that is held."""
        ...

    async def void(self, key: str) -> ProviderPayment:
        """Ends the hold, and forbids a payment whose authorization has not arrived yet. CAPTURED stays: refund it."""
        ...

    async def refund(self, key: str) -> ProviderPayment:
        """Gives back the money that was taken."""
        ...

    async def void_part(self, key: str, part_key: str, amount_minor: int) -> ProviderPayment:
        """Reduces the hold by this amount, once per `part_key`; VOIDED when nothing is left. CAPTURED stays: refund it."""
        ...

    async def refund_part(self, key: str, part_key: str, amount_minor: int) -> ProviderPayment:
        """Gives back this amount of the money taken, once per `part_key`; REFUNDED when nothing is left."""
        ...

    async def find_reference(self, reference: str) -> ProviderPayment | None:
        """The payment with this reference of the provider."""
        ...

    async def hear(self, reference: str, authorized: bool, decline_code: str) -> ProviderPayment | None:
        """The payment after the provider's webhook about it; None when the reference is unknown.

        An adapter of a real provider ignores the webhook's claim and fetches the payment.
        """
        ...
