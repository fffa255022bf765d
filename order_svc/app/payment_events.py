"""RecordPaymentEvent: records the report of a provider's webhook once, and resumes the saga that waited for it."""

from __future__ import annotations

from dataclasses import dataclass

from order_svc.app.checkout import Providers
from order_svc.app.runs import Runs, new_owner
from order_svc.domain import saga
from order_svc.domain.errors import OrderNotFound, PaymentNotFound, ProviderUnknown
from order_svc.domain.order import Order, State
from order_svc.store.leases import Leases
from order_svc.store.orders import Orders


@dataclass(frozen=True, slots=True)
class PaymentEvent:
    """`outcome` is AUTHORIZED, DECLINED or UNSPECIFIED."""

    event_id: str
    provider: str
    reference: str
    outcome: str
    decline_code: str


@dataclass(frozen=True)
class RecordPaymentEvent:
    """The payment's state at the provider decides, not the claim of the webhook."""

    orders: Orders
    leases: Leases
    runs: Runs
    providers: Providers

    async def record(self, event: PaymentEvent) -> tuple[Order, bool]:
        """Returns the order after the event, and whether the event was known. Raises PaymentNotFound."""
        provider = self.providers.get(event.provider)
        if provider is None:
            raise ProviderUnknown("provider", event.provider)
        authorized = event.outcome == "AUTHORIZED"
        if event.outcome == "UNSPECIFIED":
            payment = await provider.find_reference(event.reference)
        else:
            payment = await provider.hear(event.reference, authorized, event.decline_code)
        if payment is None or not payment.order_id:
            raise PaymentNotFound(event.reference)
        owner = new_owner()
        is_new, changed = await self.leases.hear(event.provider, event.event_id, event.outcome, payment, owner)
        if changed is not None:
            return await self.runs.finish(saga.resumed(changed), owner, _rests), False
        order = await self.orders.find(payment.order_id)
        if order is None:
            raise OrderNotFound(payment.order_id)
        return order, not is_new


def _rests(order: Order) -> bool:
    if order.state is State.CANCELLED:
        return not saga.money_open(order)
    return order.state in (State.CONFIRMED, State.NEEDS_REVIEW)
