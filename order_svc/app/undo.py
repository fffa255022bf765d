"""The saga's way back: money, stock, promotion uses. Every step is safe to repeat, also when nothing was done."""

from __future__ import annotations

from dataclasses import dataclass

from order_svc.app.checkout import Providers
from order_svc.app.steps import Clock, take
from order_svc.clients.inventory import Inventory
from order_svc.clients.promotions import Promotions
from order_svc.domain.errors import Refused, Unreachable
from order_svc.domain.order import PaymentStatus, State
from order_svc.domain.saga import HELD, Progress

NOTHING_HELD = frozenset({PaymentStatus.NONE, PaymentStatus.DECLINED, PaymentStatus.VOIDED, PaymentStatus.REFUNDED})


@dataclass(frozen=True)
class Undo:
    """Gives back what an order has claimed."""

    inventory: Inventory
    promotions: Promotions
    providers: Providers
    clock: Clock

    async def undo(self, progress: Progress) -> None:
        """CANCELLING to CANCELLED; back to CONFIRMED when the goods of a confirmed order have left."""
        try:
            if progress.order.confirmed_at is not None:
                await self._give_sale_back(progress)  # first: it alone may be refused
                await self.give_money_back(progress)
            else:
                await self.give_money_back(progress)
                await self._give_claim_back(progress)
            if progress.order.discounts:
                release = self.promotions.release(progress.order.order_id)
                await take(progress, self.clock, "release_redemption", release)
        except Refused as no:
            if progress.order.confirmed_at is None or no.reason != "QUANTITY_NOT_OPEN":
                raise Unreachable("undo", f"{no.reason}: {no}") from no
            progress.change(cancel_cause=None, cause="")
            progress.move(State.CONFIRMED, self.clock(), no.reason)
            return
        progress.change(cancel_cause=None)
        progress.move(State.CANCELLED, self.clock(), progress.order.cause)

    async def give_money_back(self, progress: Progress) -> None:
        """Voids what is held, refunds what was taken; also forbids a payment that is still on its way."""
        payment = progress.order.payment
        if payment.status in NOTHING_HELD:
            return
        provider = self.providers[payment.provider]
        after = await take(progress, self.clock, "void", provider.void(payment.key))
        if after.status is PaymentStatus.CAPTURED:
            after = await take(progress, self.clock, "refund", provider.refund(payment.key))
        if after.status in HELD:  # neither void nor refund took: never look away from money
            raise Unreachable("payments", f"the payment is still {after.status}")
        progress.pay(status=after.status, reference=after.reference)

    async def _give_claim_back(self, progress: Progress) -> None:
        order = progress.order
        try:
            await take(progress, self.clock, "release_reservation", self.inventory.release(order.order_id))
        except Refused as no:
            if no.reason != "RESERVATION_COMMITTED":
                raise
            # Its commit was under way when this order was given up.
            await self._give_sale_back(progress)

    async def _give_sale_back(self, progress: Progress) -> None:
        order = progress.order
        cancel = self.inventory.cancel_sale(order.order_id, order.lines)
        await take(progress, self.clock, "cancel_reservation", cancel)
