"""The audit across services: compares orders with goods, money and promotion uses in small steps; two looks make a finding."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from chassis import telemetry
from order_svc.app.checkout import Providers
from order_svc.app.steps import Clock
from order_svc.clients.evidence import Sale, Witnesses
from order_svc.domain import audit
from order_svc.domain.audit import Evidence, Finding, Kind
from order_svc.domain.errors import Refused
from order_svc.domain.order import Order, PaymentStatus
from order_svc.store import audit_meters
from order_svc.store.audit_walk import AuditWalk, Walk
from order_svc.store.findings import Findings

log = telemetry.logger()

SLICE = 200
"""Orders or reservations per round: one call to each service, and one lookup at the payment provider for each order."""
LOOK_AGAIN = 100
"""Orders with findings that one round checks again."""
ROUND_S = 1.0
IDLE_S = 5.0
"""Pause while no walk and no other look is due."""
REST = 19.0
"""After a round the audit pauses for this many times its duration: it runs at most a twentieth of the time."""
WALK_EVERY_S = 60.0
"""A walk begins no earlier than this after the last one began."""
ASKED_AT_ONCE = 8
"""Concurrent lookups at payment providers."""
NOT_YET_S = 100 * 365 * 86_400.0
"""Longer ago than any first look, so no finding becomes open. Postgres has no infinite interval, but one of this length."""
SECOND_LOOK_S = 2.0
"""Pause between the two looks of RunAudit: enough, since the orders it judges have not changed for a minute."""


@dataclass
class Looked:
    """The result of one look: the subjects that were judged, their contradictions, and how many were still moving."""

    subjects: set[str] = field(default_factory=set)
    seen: dict[str, Mapping[Kind, str]] = field(default_factory=dict)
    orders: int = 0
    reservations: int = 0
    moving: int = 0

    def note(self, subject: str, found: Mapping[Kind, str]) -> None:
        """Records a judged subject and its contradictions."""
        self.subjects.add(subject)
        if found:
            self.seen[subject] = found


@dataclass
class AuditOrders:
    """Reads from other services and writes only its own findings. Many processes may run it; they take turns by round."""

    walk: AuditWalk
    findings: Findings
    witnesses: Witnesses
    providers: Providers
    clock: Clock
    monotonic_s: Callable[[], float] = time.monotonic
    _not_before_s: float = 0.0

    async def run_once(self) -> int:
        """Runs one round of the always-on walk when it is due. Raises Unreachable when a service does not answer."""
        began_s = self.monotonic_s()
        if began_s < self._not_before_s:
            return 0
        due = await self.findings.due(LOOK_AGAIN)
        if due:
            again = await self.look(due)
            await self.findings.record(again.subjects, again.seen, 0.0)
        async with self.walk.held() as walk:
            if walk is not None:
                await self._step(walk)
        now = await self.walk.read()
        audit_meters.show(await self.findings.counts(), now)
        idle = now.stage == "IDLE" and not due
        if idle:
            await self.findings.forget()
        ended_s = self.monotonic_s()
        self._not_before_s = ended_s + max(IDLE_S if idle else ROUND_S, (ended_s - began_s) * REST)
        return 0

    async def _step(self, walk: Walk) -> None:
        if walk.stage == "IDLE":
            if (walk.now - walk.began_at).total_seconds() < WALK_EVERY_S:
                return
            walk.begin()
        try:
            looked, following = await self.slice(walk.stage, walk.position, SLICE)
        except Refused as no:  # inventory's key for page tokens has changed
            log.info("audit.walk_restarts", stage=walk.stage, reason=no.reason)
            walk.position = ""
            return
        await self.findings.record(looked.subjects, looked.seen, NOT_YET_S)
        walk.orders, walk.reservations = walk.orders + looked.orders, walk.reservations + looked.reservations
        walk.position = following
        if not following:
            if walk.stage == "RESERVATIONS":
                walk.end()
            else:
                walk.stage = "RESERVATIONS"

    async def slice(self, stage: str, position: str, limit: int) -> tuple[Looked, str]:
        """A look at the next orders or reservations, and the position after them; empty at the end of the stage."""
        if stage == "ORDERS":
            orders = await self.walk.page(position, limit)
            return await self._judge(orders), orders[-1].order_id if len(orders) == limit else ""
        sales, following = await self.witnesses.sales(position, limit)
        return await self._judge_sales(sales), following

    async def look(self, order_ids: Collection[str]) -> Looked:
        """A look at these orders, and at the reservations of orders that do not exist."""
        orders = await self.walk.find(list(order_ids))
        looked = await self._judge(orders)
        unknown = sorted(set(order_ids) - {order.order_id for order in orders})
        goods = await self.witnesses.goods(unknown)
        for order_id in unknown:
            looked.note(order_id, audit.without_order(goods[order_id]) if order_id in goods else {})
        return looked

    async def run(self, order_id: str, stage: str, position: str, limit: int) -> tuple[Looked, list[Finding], str]:
        """Looks at a slice or at one order, a second time where the first look found something."""
        if order_id:
            looked, following = await self.look([order_id]), ""
        else:
            looked, following = await self.slice(stage, position, limit)
        await self.findings.record(looked.subjects, looked.seen, float("inf"))
        if looked.seen:
            await asyncio.sleep(SECOND_LOOK_S)
            again = await self.look(looked.seen)
            await self.findings.record(again.subjects, again.seen, SECOND_LOOK_S / 2)
        return looked, await self.findings.open_of(looked.subjects), following

    async def _judge(self, orders: Sequence[Order]) -> Looked:
        now, looked = self.clock(), Looked()
        resting = [order for order in orders if not audit.moves(order, now)]
        looked.moving, looked.orders = len(orders) - len(resting), len(resting)
        goods = await self.witnesses.goods([order.order_id for order in resting])
        uses = await self.witnesses.uses([order.order_id for order in resting if order.discounts])
        money = await self._money(resting)
        for order in resting:
            id = order.order_id
            looked.note(id, audit.judge(order, Evidence(goods.get(id), uses.get(id), money.get(id))))
        return looked

    async def _money(self, orders: Sequence[Order]) -> Mapping[str, PaymentStatus]:
        """The status of these orders' payments at their providers."""
        places = asyncio.Semaphore(ASKED_AT_ONCE)
        found: dict[str, PaymentStatus] = {}

        async def ask(order: Order) -> None:
            async with places:
                payment = await self.providers[order.payment.provider].lookup(order.payment.key)
            if payment is not None:
                found[order.order_id] = payment.status

        await asyncio.gather(
            *(ask(order) for order in orders if order.payment.key and order.payment.provider in self.providers)
        )
        return found

    async def _judge_sales(self, sales: Sequence[Sale]) -> Looked:
        now: datetime = self.clock()
        looked = Looked()
        resting = [sale.goods for sale in sales if sale.created_at <= now - audit.MOVING]
        looked.moving, looked.reservations = len(sales) - len(resting), len(resting)
        known = {order.order_id for order in await self.walk.find([goods.order_id for goods in resting])}
        for goods in resting:
            if goods.order_id not in known:
                looked.note(goods.order_id, audit.without_order(goods))
        return looked
