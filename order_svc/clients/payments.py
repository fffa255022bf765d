"""The port to payment providers: what every provider's adapter offers, and what the saga may rely on.

Every operation is idempotent by `key`, the payment's idempotency key, which the saga stores before it asks; a part that is
given back has a key of its own. `refunded_minor` of each answer is what was given back so far, held or taken before.
"""

from __future__ import annotations

from typing import Protocol

from order_svc.domain.order import ProviderPayment


class PaymentProvider(Protocol):
    """One provider. OutcomeUnknown: it was asked and the answer was lost; Unreachable: it was not reached."""

    name: str

    async def authorize(self, key: str, order_id: str, amount_minor: int, currency: str, token: str) -> ProviderPayment:
        """Holds the amount: AUTHORIZED, DECLINED or ACTION_REQUIRED. A repeat answers what became of the first."""
        ...

    async def lookup(self, key: str) -> ProviderPayment | None:
        """What became of the payment; None when the provider never heard of the key."""
        ...

    async def capture(self, key: str) -> ProviderPayment:
        """Takes what is held."""
        ...

    async def void(self, key: str) -> ProviderPayment:
        """Holds no longer, and forbids a payment whose authorization has not arrived yet. CAPTURED stays: refund it."""
        ...

    async def refund(self, key: str) -> ProviderPayment:
        """Gives back what was taken."""
        ...

    async def void_part(self, key: str, part_key: str, amount_minor: int) -> ProviderPayment:
        """Holds less by this amount, once per `part_key`; VOIDED when nothing is held any more. CAPTURED stays: refund it."""
        ...

    async def refund_part(self, key: str, part_key: str, amount_minor: int) -> ProviderPayment:
        """Gives back this much of what was taken, once per `part_key`; REFUNDED when it was the last of it."""
        ...

    async def find_reference(self, reference: str) -> ProviderPayment | None:
        """The payment with the provider's reference."""
        ...

    async def hear(self, reference: str, authorized: bool, decline_code: str) -> ProviderPayment | None:
        """What the payment is after the provider's webhook about it; None when the reference is unknown.

        An adapter of a real provider ignores what the webhook claims and fetches the payment.
        """
        ...
