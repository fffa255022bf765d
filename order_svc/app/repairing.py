"""Repairs a finding of the audit across services: each kind has one procedure, and each of its steps is safe to repeat."""

from __future__ import annotations

from dataclasses import dataclass, replace

from chassis import telemetry
from order_svc.app.auditing import AuditOrders
from order_svc.app.cancelling import CancelOrder
from order_svc.app.checkout import Providers
from order_svc.app.runs import Runs, new_owner
from order_svc.clients.inventory import Inventory
from order_svc.clients.promotions import Promotions
from order_svc.domain import saga
from order_svc.domain.audit import Finding, FindingState, Kind
from order_svc.domain.errors import FindingNotFound, OrderStateForbids, Refused
from order_svc.domain.order import Line, Order, State
from order_svc.store import audit_meters
from order_svc.store.findings import Findings
from order_svc.store.leases import Leases
from order_svc.store.orders import Orders

log = telemetry.logger()

CLAIM_TTL_S = 60
"""Lifetime of a repair's claims: they are committed at once."""
CAUSE = "AUDIT_REPAIR"
"""Cause of an order that a repair cancelled because it could not be kept."""


@dataclass(frozen=True)
class RepairFinding:
    """Looks again after each repair: a finding counts as repaired only when it is not seen any more."""

    audit: AuditOrders
    findings: Findings
    orders: Orders
    leases: Leases
    runs: Runs
    cancel: CancelOrder
    inventory: Inventory
    promotions: Promotions
    providers: Providers

    async def repair(self, order_id: str, kind: Kind) -> Finding:
        """Returns the finding after the repair. Raises FindingNotFound, or Unreachable: then retry."""
        finding = await self._find(order_id, kind)
        if finding.state is not FindingState.OPEN:
            return finding
        try:
            outcome = await self._do(finding)
        except (Refused, OrderStateForbids) as no:
            outcome = f"{no.reason}: {no}"
        await self.findings.note_repair(order_id, kind, outcome)
        looked = await self.audit.look([order_id])
        if order_id not in looked.subjects:  # it has just changed, so it is not judged for a minute
            looked.subjects.add(order_id)
            looked.seen[order_id] = {} if await self._undone(order_id) else {kind: finding.detail}
        await self.findings.record(looked.subjects, looked.seen, float("inf"), repaired=kind)
        after = await self._find(order_id, kind)
        audit_meters.REPAIRS.of(after.state.lower()).add()
        log.info("audit.repair", finding=after.finding_id, state=after.state, outcome=outcome)
        return after

    async def _find(self, order_id: str, kind: Kind) -> Finding:
        finding = await self.findings.find(order_id, kind)
        if finding is None:
            raise FindingNotFound(f"{order_id}/{kind.lower()}")
        return finding

    async def _undone(self, order_id: str) -> bool:
        order = await self.orders.find(order_id)
        return order is not None and order.state is State.CANCELLED

    async def _do(self, finding: Finding) -> str:
        """Repairs the finding; returns what was done, in words."""
        order_id = finding.order_id
        match finding.kind:
            case Kind.RESERVATION_MISSING:
                return await self._reserve_again(order_id)
            case Kind.RESERVATION_NOT_COMMITTED:
                return await self._commit(order_id)
            case Kind.GOODS_GIVEN_BACK | Kind.MONEY_MISSING:
                return await self._give_up(order_id)
            case Kind.RESERVATION_WITHOUT_ORDER | Kind.RESERVATION_LEFT:
                await self.inventory.cancel_sale(order_id)
                return "the goods went back to stock"
            case Kind.MONEY_LEFT:
                return await self._give_money_back(order_id)
            case Kind.REDEMPTION_MISSING:
                return await self._redeem_again(order_id)
            case Kind.REDEMPTION_LEFT:
                await self.promotions.release(order_id)
                return "the promotion uses were given back"

    async def _reserve_again(self, order_id: str) -> str:
        order = await self._order(order_id)
        try:
            await self.inventory.reserve(order_id, _as_allocated(order), CLAIM_TTL_S)
            await self.inventory.commit(order_id)
        except Refused as no:
            return f"{no.reason}; {await self._give_up(order_id)}"
        return "the goods were reserved and committed again"

    async def _commit(self, order_id: str) -> str:
        try:
            await self.inventory.commit(order_id)
        except Refused as no:
            return f"{no.reason}; {await self._give_up(order_id)}"
        return "the reservation was committed"

    async def _give_up(self, order_id: str) -> str:
        order = await self.cancel.cancel(order_id, CAUSE)
        if order.state is State.CANCELLED:
            return f"the order was cancelled, the payment is {order.payment.status}"
        return f"the order is {order.state}: units that have not left are given back and refunded"

    async def _give_money_back(self, order_id: str) -> str:
        order = await self._order(order_id)
        payment = await self.providers[order.payment.provider].lookup(order.payment.key)
        owner = new_owner()
        if payment is not None and payment.status is not order.payment.status:
            # The order takes over the provider's status; its saga then gives the money back.
            event_id = f"audit:{order_id}:{order.version}"
            _, heard = await self.leases.hear(order.payment.provider, event_id, payment.status, payment, owner)
            order = heard or order
        claimed = await self.leases.claim(order_id, owner, (State.CANCELLED,))
        after = await self.runs.finish(saga.resumed(claimed or order), owner, lambda one: one.due_at is None)
        return f"the payment is {after.payment.status}"

    async def _redeem_again(self, order_id: str) -> str:
        order = await self._order(order_id)
        await self.promotions.redeem(order_id, order.customer.id, order.discounts, CLAIM_TTL_S)
        await self.promotions.commit(order_id)
        return "the promotion uses were claimed and committed again"

    async def _order(self, order_id: str) -> Order:
        order = await self.orders.find(order_id)
        if order is None:
            raise FindingNotFound(order_id)
        return order


def _as_allocated(order: Order) -> tuple[Line, ...]:
    """Lines that ask for their units at the locations of the order's allocations."""
    lines = []
    for line in order.lines:
        parts = line.allocations or ()
        lines += [replace(line, location=part.location, quantity=part.quantity) for part in parts] or [line]
    return tuple(lines)
