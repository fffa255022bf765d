"""The saga's way forward, one method per stored state: claim, pay, confirm. Every step is safe to repeat."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TypeAlias, TypeVar

from order_svc.app.steps import Clock, take
from order_svc.clients.inventory import Inventory
from order_svc.clients.payments import PaymentProvider
from order_svc.clients.promotions import Promotions
from order_svc.domain.errors import OutcomeUnknown, Refused, Unreachable, payment_declined
from order_svc.domain.order import Order, PaymentStatus, ProviderPayment, State
from order_svc.domain.saga import HELD, Progress

Providers: TypeAlias = Mapping[str, PaymentProvider]
T = TypeVar("T")

CLAIM_MARGIN_S = 120
"""Claims last this much longer than the longest wait for a customer's bank, so a late approval still has its goods."""


@dataclass(frozen=True)
class Checkout:
    """`payment_wait_s` is how long a customer's bank may take."""

    inventory: Inventory
    promotions: Promotions
    providers: Providers
    clock: Clock
    payment_wait_s: int

    @property
    def claim_ttl_s(self) -> int:
        """Lifetime of claims."""
        return self.payment_wait_s + CLAIM_MARGIN_S

    async def claim(self, progress: Progress) -> None:
        """PRICED to AUTHORIZING. Claims stock first: far more orders fail for lack of stock than for a promotion's limit."""
        order = progress.order
        progress.reserve_calls += 1
        allocations = await self._noted(
            progress, "reserve", self.inventory.reserve(order.order_id, order.lines, self.claim_ttl_s)
        )
        progress.claims_are_new = progress.fresh
        reserved_at = self.clock()
        if order.discounts:
            redeem = self.promotions.redeem(order.order_id, order.customer.id, order.discounts, self.claim_ttl_s)
            await self._noted(progress, "redeem", redeem)
        lines = tuple(replace(line, allocations=allocations[line.sku]) for line in order.lines)
        progress.move(State.RESERVED, reserved_at, lines=lines)
        self.intend(progress)
        progress.move(State.AUTHORIZING, self.clock())

    def intend(self, progress: Progress) -> None:
        """Records PENDING, to be stored before the provider is called, so that a resumed run looks it up by its key."""
        progress.intend(self.clock() + timedelta(seconds=self.payment_wait_s))

    async def pay(self, progress: Progress) -> None:
        """AUTHORIZING to AUTHORIZED, or the run waits for the customer's bank. Raises Refused when the payment is declined."""
        order = progress.order
        if not order.payment.key:
            progress.move(State.AUTHORIZED, self.clock(), "nothing to pay")
            return
        payment = await self._outcome(progress)
        progress.pay(reference=payment.reference, status=payment.status, decline_code=payment.decline_code)
        if payment.status in HELD:
            progress.move(State.AUTHORIZED, self.clock())
        elif payment.status is PaymentStatus.ACTION_REQUIRED:
            self._wait(progress)
        elif payment.status is PaymentStatus.PENDING:
            raise Unreachable("payments", "the provider has no outcome yet")
        else:
            raise payment_declined(progress.order.order_id, payment.decline_code or str(payment.status).lower())

    def _wait(self, progress: Progress) -> None:
        deadline = progress.order.payment.deadline
        if deadline is not None and self.clock() >= deadline:
            raise payment_declined(progress.order.order_id, "confirmation_timeout")
        progress.waits = True

    async def _outcome(self, progress: Progress) -> ProviderPayment:
        order, payment = progress.order, progress.order.payment
        if payment.status in HELD or payment.status is PaymentStatus.DECLINED:  # reported by the provider's webhook
            return _told(order)
        provider = self.providers[payment.provider]
        if not progress.never_asked:
            known = await self._noted(progress, "lookup", provider.lookup(payment.key))
            if known is not None:
                return known
        progress.never_asked = False
        await self._hold(progress)
        try:
            return await self._noted(progress, "authorize", _authorize(provider, order))
        except OutcomeUnknown:
            known = await self._noted(progress, "lookup", provider.lookup(payment.key))
            if known is not None:
                return known
            return await self._noted(progress, "authorize", _authorize(provider, order))

    async def _hold(self, progress: Progress) -> None:
        """Extends the claim so that it outlasts the payment; a claim made in this run does already."""
        if progress.claims_are_new:
            return
        try:
            extend = self.inventory.extend(progress.order.order_id, self.claim_ttl_s)
            await self._noted(progress, "extend", extend)
        except Refused as ended:
            if ended.reason != "RESERVATION_COMMITTED":
                raise

    async def confirm(self, progress: Progress) -> None:
        """AUTHORIZED to CONFIRMED. The reservation's commit comes last: it is the point of no return."""
        order_id = progress.order.order_id
        if progress.order.discounts:
            await self._noted(progress, "commit_redemption", self.promotions.commit(order_id))
        await self._noted(progress, "commit_reservation", self.inventory.commit(order_id))
        now = self.clock()
        progress.move(State.CONFIRMED, now, confirmed_at=now)

    async def _noted(self, progress: Progress, step: str, call: Awaitable[T]) -> T:
        return await take(progress, self.clock, step, call)


def _authorize(provider: PaymentProvider, order: Order) -> Awaitable[ProviderPayment]:
    payment = order.payment
    return provider.authorize(payment.key, order.order_id, order.total_minor, order.currency, payment.token)


def _told(order: Order) -> ProviderPayment:
    payment = order.payment
    return ProviderPayment(payment.key, order.order_id, payment.reference, payment.status, payment.decline_code)
