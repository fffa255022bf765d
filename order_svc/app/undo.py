"""The saga's way back: money, stock, promotion uses. Every step is safe to repeat, also when there is nothing to undo."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from order_svc.app.checkout import Providers
from order_svc.app.steps import Clock, take
from order_svc.clients.inventory import NO_SALE, Inventory
from order_svc.clients.promotions import Promotions
from order_svc.domain import refund
from order_svc.domain.errors import Refused, Unreachable
from order_svc.domain.order import PaymentStatus, State
from order_svc.domain.saga import HELD, Progress

ALL_LEFT = "GOODS_HAVE_LEFT"
PART_LEFT = "PART_OF_GOODS_HAS_LEFT"
"""Why a confirmed order is CONFIRMED again after its cancellation began."""
NOTHING_HELD = frozenset({PaymentStatus.NONE, PaymentStatus.DECLINED, PaymentStatus.VOIDED, PaymentStatus.REFUNDED})


@dataclass(frozen=True)
class Undo:
    """Gives back what an order has claimed."""

    inventory: Inventory
    promotions: Promotions
    providers: Providers
    clock: Clock

    async def undo(self, progress: Progress) -> None:
        """CANCELLING to CANCELLED; back to CONFIRMED when goods of a confirmed order have left, all or in part."""
        lines = progress.order.lines
        try:
            if progress.order.confirmed_at is not None:
                left = await self._give_sale_back(progress)  # first: only units that did not leave are refunded
                if left:
                    await self._keep(progress, left)
                    return
                await self.give_money_back(progress)
                lines = refund.without(lines, left)
            else:
                await self.give_money_back(progress)
                await self._give_claim_back(progress)
            if progress.order.discounts:
                release = self.promotions.release(progress.order.order_id)
                await take(progress, self.clock, "release_redemption", release)
        except Refused as no:
            raise Unreachable("undo", f"{no.reason}: {no}") from no
        progress.change(cancel_cause=None, lines=lines)
        progress.move(State.CANCELLED, self.clock(), progress.order.cause)

    async def _keep(self, progress: Progress, left: Mapping[str, int]) -> None:
        """Keeps the order for the units that left and refunds the others. The promotion uses stay used."""
        lines = refund.without(progress.order.lines, left)
        await self._give_part_back(progress, refund.total(lines))
        progress.change(cancel_cause=None, cause="", lines=lines)
        why = PART_LEFT if refund.partly_cancelled(progress.order) else ALL_LEFT
        progress.move(State.CONFIRMED, self.clock(), why)

    async def _give_part_back(self, progress: Progress, owed: int) -> None:
        """Gives back up to `owed` in all, including earlier refunds."""
        payment = progress.order.payment
        part = owed - payment.refunded_minor
        if part <= 0:
            return
        provider = self.providers[payment.provider]
        key = f"{payment.key}:back:{owed}"  # the same for every try: a part is given back once
        after = await take(progress, self.clock, "void_part", provider.void_part(payment.key, key, part))
        if after.status is PaymentStatus.CAPTURED and after.refunded_minor < owed:
            after = await take(progress, self.clock, "refund_part", provider.refund_part(payment.key, key, part))
        if after.refunded_minor < owed:
            raise Unreachable("payments", f"only {after.refunded_minor} of {owed} were given back")
        progress.pay(status=after.status, reference=after.reference, refunded_minor=after.refunded_minor)

    async def give_money_back(self, progress: Progress) -> None:
        """Voids money that is held, refunds money that was taken, and forbids a payment that is still on its way."""
        payment = progress.order.payment
        if payment.status in NOTHING_HELD:
            return
        provider = self.providers[payment.provider]
        after = await take(progress, self.clock, "void", provider.void(payment.key))
        if after.status is PaymentStatus.CAPTURED:
            after = await take(progress, self.clock, "refund", provider.refund(payment.key))
        if after.status in HELD:  # neither void nor refund succeeded: keep trying while money is held
            raise Unreachable("payments", f"the payment is still {after.status}")
        progress.pay(status=after.status, reference=after.reference, refunded_minor=after.refunded_minor)

    async def _give_claim_back(self, progress: Progress) -> None:
        order = progress.order
        try:
            await take(progress, self.clock, "release_reservation", self.inventory.release(order.order_id))
        except Refused as no:
            if no.reason != "RESERVATION_COMMITTED":
                raise
            # Its commit was under way when this order was given up.
            if await self._give_sale_back(progress):
                raise Unreachable("undo", "goods of an order that was never confirmed have left") from no

    async def _give_sale_back(self, progress: Progress) -> Mapping[str, int]:
        """Gives back the units that have not left; returns the units that have left, by sku."""
        order_id = progress.order.order_id
        try:
            cancel = self.inventory.cancel_sale(order_id)
            return await take(progress, self.clock, "cancel_reservation", cancel)
        except Refused as no:
            if no.reason not in NO_SALE:
                raise
        # The release forbids a sale that arrives later.
        await take(progress, self.clock, "release_reservation", self.inventory.release(order_id))
        return {}
