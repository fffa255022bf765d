"""The sandbox payment provider: deterministic, for development, demos and tests. It keeps its own books, like an
external provider: its ledger commits in transactions of its own.

Tokens: tok_ok is authorized; tok_declined is declined (card_declined); tok_3ds waits for the customer's bank, which
reports through the webhook; tok_timeout times out, and the key's hash decides: if even, only the answer is lost and the
payment is authorized; if odd, the request is lost too (lookup finds nothing) and the second try is declined
(processing_error). Any other token is declined (invalid_token).
"""

from __future__ import annotations

from typing import Protocol

from chassis import ids
from order_svc.domain.errors import OutcomeUnknown
from order_svc.domain.order import PaymentStatus, ProviderPayment

OUTCOMES = {
    "tok_ok": (PaymentStatus.AUTHORIZED, ""),
    "tok_declined": (PaymentStatus.DECLINED, "card_declined"),
    "tok_3ds": (PaymentStatus.ACTION_REQUIRED, ""),
}
INVALID = (PaymentStatus.DECLINED, "invalid_token")
LOST = PaymentStatus.PENDING
"""The ledger's mark of a request that got lost: a lookup does not find its key."""


class Ledger(Protocol):
    """The sandbox's books; store/sandbox_payments.py."""

    async def open(self, payment: ProviderPayment, amount_minor: int, currency: str) -> ProviderPayment | None:
        """Books a payment unless its key is known; then returns the existing one."""
        ...

    async def find(self, key: str) -> ProviderPayment | None:
        """The payment with this key."""
        ...

    async def find_reference(self, reference: str) -> ProviderPayment | None:
        """The payment with this reference."""
        ...

    async def turn(
        self, key: str, before: tuple[PaymentStatus, ...], after: PaymentStatus, decline_code: str = ""
    ) -> ProviderPayment | None:
        """Changes the status where it is one of `before`; returns the payment afterwards."""
        ...

    async def take_off(
        self, key: str, part_key: str, amount_minor: int, before: PaymentStatus, ended: PaymentStatus
    ) -> ProviderPayment | None:
        """Gives a part back, once per `part_key`, of a payment in the status `before`; `ended` when nothing is left of it.

        Gives back nothing when less than this is left. Returns the payment afterwards.
        """
        ...


class Sandbox:
    """A provider without money."""

    name = "sandbox"

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def authorize(self, key: str, order_id: str, amount_minor: int, currency: str, token: str) -> ProviderPayment:
        """See the module for what each token does."""
        if token == "tok_timeout":  # noqa: S105 a test token, not a secret
            return await self._lose(key, order_id, amount_minor, currency)
        status, decline_code = OUTCOMES.get(token, INVALID)
        payment = ProviderPayment(key, order_id, reference(key), status, decline_code)
        return await self._ledger.open(payment, amount_minor, currency) or payment

    async def _lose(self, key: str, order_id: str, amount_minor: int, currency: str) -> ProviderPayment:
        status = PaymentStatus.AUTHORIZED if reaches_provider(key) else LOST
        payment = ProviderPayment(key, order_id, reference(key), status)
        known = await self._ledger.open(payment, amount_minor, currency)
        if known is None:
            raise OutcomeUnknown("payments", "sandbox: timeout")
        if known.status is not LOST:
            return known
        declined = await self._ledger.turn(key, (LOST,), PaymentStatus.DECLINED, "processing_error")
        return declined or known

    async def lookup(self, key: str) -> ProviderPayment | None:
        """The payment; None also for a request that got lost."""
        payment = await self._ledger.find(key)
        return None if payment is None or payment.status is LOST else payment

    async def capture(self, key: str) -> ProviderPayment:
        """Takes the money that is held."""
        return await self._turned(key, (PaymentStatus.AUTHORIZED,), PaymentStatus.CAPTURED)

    async def void(self, key: str) -> ProviderPayment:
        """Voids the payment. An unknown key is booked as voided, so that a later authorization finds it voided."""
        tombstone = ProviderPayment(key, "", reference(key), PaymentStatus.VOIDED)
        if await self._ledger.open(tombstone, 0, "XXX") is None:
            return tombstone
        open_states = (PaymentStatus.AUTHORIZED, PaymentStatus.ACTION_REQUIRED, LOST)
        return await self._turned(key, open_states, PaymentStatus.VOIDED)

    async def refund(self, key: str) -> ProviderPayment:
        """Gives back the money that was taken."""
        return await self._turned(key, (PaymentStatus.CAPTURED,), PaymentStatus.REFUNDED)

    async def void_part(self, key: str, part_key: str, amount_minor: int) -> ProviderPayment:
        """Reduces the hold."""
        return await self._taken_off(key, part_key, amount_minor, PaymentStatus.AUTHORIZED, PaymentStatus.VOIDED)

    async def refund_part(self, key: str, part_key: str, amount_minor: int) -> ProviderPayment:
        """Gives back a part of the money that was taken."""
        return await self._taken_off(key, part_key, amount_minor, PaymentStatus.CAPTURED, PaymentStatus.REFUNDED)

    async def find_reference(self, reference: str) -> ProviderPayment | None:
        """The payment with this reference."""
        return await self._ledger.find_reference(reference)

    async def hear(self, reference: str, authorized: bool, decline_code: str) -> ProviderPayment | None:
        """Takes the webhook as the bank's report: it settles a waiting payment and changes no other."""
        payment = await self._ledger.find_reference(reference)
        if payment is None or payment.status is not PaymentStatus.ACTION_REQUIRED:
            return payment
        after = PaymentStatus.AUTHORIZED if authorized else PaymentStatus.DECLINED
        return await self._turned(payment.key, (PaymentStatus.ACTION_REQUIRED,), after, decline_code)

    async def _turned(
        self, key: str, before: tuple[PaymentStatus, ...], after: PaymentStatus, decline_code: str = ""
    ) -> ProviderPayment:
        return _known(key, await self._ledger.turn(key, before, after, decline_code))

    async def _taken_off(
        self, key: str, part_key: str, amount_minor: int, before: PaymentStatus, ended: PaymentStatus
    ) -> ProviderPayment:
        return _known(key, await self._ledger.take_off(key, part_key, amount_minor, before, ended))


def _known(key: str, payment: ProviderPayment | None) -> ProviderPayment:
    if payment is None:
        raise LookupError(f"the sandbox has no payment {key}")
    return payment


def reference(key: str) -> str:
    """The sandbox's reference of a payment; the same for every attempt."""
    return f"pay_{ids.fingerprint('sandbox', key)[:24]}"


def reaches_provider(key: str) -> bool:
    """With tok_timeout: whether only the answer gets lost (even hash), or the request too (odd)."""
    return int(ids.fingerprint(key)[-1], 16) % 2 == 0
