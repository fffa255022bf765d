"""Plays the plan: dozens of clients with mixed baskets and, in the middle, a rush of buyers for one sku."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from rich.progress import Progress

from chassis.errors import ServiceError
from gen.inventory.v1 import reservation_service_pb2
from tests.demo.bank import Bank
from tests.demo.outcomes import STILL_OPEN, Outcome, Results
from tests.demo.plan import Abandoned, After, Plan, Repeat, Visit
from tests.demo.plan import Bank as BankWord
from tests.demo.services import Services, call
from tests.demo.shop import PATIENCE_S, Reply, Shop

RUSH_STARTS_AFTER = 0.3
"""The flash sale opens when this share of the mixed orders is done."""
ASK_AGAIN_S = 0.5


class Traffic:
    """One run's buyers. `codes` maps the plan's codes to this run's."""

    def __init__(
        self, shops: tuple[Shop, Shop], bank: Bank, services: Services, run: str, codes: dict[str, str]
    ) -> None:
        self._shop, self._rush_shop = shops
        self._bank, self._services, self._run, self._codes = bank, services, run, codes
        self.results = Results()

    async def play(self, plan: Plan, clients: int, seconds: int, progress: Progress) -> Results:
        """Sends everything, at most `clients` mixed buyers at a time, and starts no new ones after `seconds`."""
        started = time.monotonic()
        rush_opens = asyncio.Event()
        bar = progress.add_task("orders", total=len(plan.visits))

        def done() -> None:
            progress.advance(bar)
            if len(self.results.mixed) >= len(plan.visits) * RUSH_STARTS_AFTER:
                rush_opens.set()

        await asyncio.gather(
            self._mixed(plan, clients, started + seconds, done, rush_opens),
            self._leave_baskets(plan.abandoned),
            self._rush(plan.rush, rush_opens, progress),
        )
        await self._send_again_later()
        self.results.elapsed_s = time.monotonic() - started
        return self.results

    async def rush_again(self, visits: tuple[Visit, ...]) -> None:
        """Late buyers of the flash sale, for returned units."""
        self.results.rush.extend(await asyncio.gather(*(self._order(visit, self._rush_shop) for visit in visits)))

    async def _mixed(
        self, plan: Plan, clients: int, until: float, done: Callable[[], None], rush_opens: asyncio.Event
    ) -> None:
        waiting = iter(plan.visits)

        async def client() -> None:
            for visit in waiting:
                if time.monotonic() > until:
                    return
                await self._visit(visit)
                done()

        await asyncio.gather(*(client() for _ in range(clients)))
        rush_opens.set()

    async def _rush(self, visits: tuple[Visit, ...], opens: asyncio.Event, progress: Progress) -> None:
        await opens.wait()
        bar = progress.add_task("flash sale", total=len(visits))
        for answered in asyncio.as_completed([self._order(visit, self._rush_shop) for visit in visits]):
            self.results.rush.append(await answered)
            progress.advance(bar)

    async def _visit(self, visit: Visit) -> None:
        outcome = await self._order(visit, self._shop)
        self.results.mixed.append(outcome)
        if not outcome.reply.accepted:
            return
        if outcome.reply.body.get("state") == "CONFIRMED":
            await self._afterwards(outcome)
        elif visit.token == "tok_3ds" and visit.bank is not BankWord.SILENT:
            await self._answer_of_bank(outcome)

    async def _order(self, visit: Visit, shop: Shop) -> Outcome:
        if visit.repeat is not Repeat.AT_ONCE:
            return Outcome(visit, await self._place(visit, shop))
        first, second = await asyncio.gather(self._place(visit, shop), self._place(visit, shop))
        return Outcome(visit, first, [second])

    async def _place(self, visit: Visit, shop: Shop) -> Reply:
        place = {"location": visit.location} if visit.location else {}
        customer = f"demo-{self._run}-{visit.customer}"
        body: dict[str, Any] = {
            "lines": [{"sku": sku, "quantity": quantity, **place} for sku, quantity in visit.lines],
            "customer": {"id": customer, "email": f"{customer}@example.com"},
            "codes": [self._codes[visit.code]] if visit.code else [],
            "currency": "EUR",
            "channel": visit.channel,
            "payment": {"provider": "sandbox", "token": visit.token},
        }
        return await shop.post("/v1/orders", body, self._key(visit.name))

    async def _afterwards(self, outcome: Outcome) -> None:
        order_id, after = outcome.order_id, outcome.visit.after
        if after is After.CANCEL:
            body, key = {"reason": "the customer changed their mind"}, self._key(f"{outcome.visit.name}-cancel")
            reply = await self._shop.put(f"/v1/orders/{order_id}/cancel", body, key)
            outcome.cancelled = self._noted(reply, f"cancel {order_id}")
        elif after is After.FULFILL:
            request = reservation_service_pb2.FulfillReservationRequest(
                request_id=self._key(f"{outcome.visit.name}-ship"),
                reservation_id=order_id,
                owner=f"order:{order_id}",
            )
            try:
                await call(self._services.reservations.FulfillReservation, request)
                outcome.fulfilled = True
            except ServiceError as refused:
                self.results.troubles.append(f"fulfill {order_id}: {refused}")

    async def _answer_of_bank(self, outcome: Outcome) -> None:
        reference = await self._asked_by_bank(outcome)
        if not reference:
            return
        authorized = outcome.visit.bank is BankWord.CONFIRMS
        reply = await self._bank.report(reference, authorized=authorized)
        if self._noted(reply, f"webhook for payment {reference}"):
            self.results.reported_by_bank.add(outcome.order_id)

    async def _asked_by_bank(self, outcome: Outcome) -> str:
        """The payment's reference once it waits for the bank; empty if the order ended without that.

        An answer given during a crash may be older than the payment: then the order shows it a little later.
        """
        body, until = outcome.reply.body, time.monotonic() + PATIENCE_S
        while body.get("state") == "AUTHORIZING" and time.monotonic() < until:
            payment = body.get("payment", {})
            if payment.get("status") == "ACTION_REQUIRED":
                return str(payment.get("reference", ""))
            await asyncio.sleep(ASK_AGAIN_S)
            body = (await self._shop.get(f"/v1/orders/{outcome.order_id}")).body
        return ""

    async def _leave_baskets(self, baskets: tuple[Abandoned, ...]) -> None:
        for basket in baskets:
            body = {
                "lines": [{"sku": sku, "quantity": quantity} for sku, quantity in basket.lines],
                "ttl_seconds": basket.ttl_seconds,
            }
            reply = await self._shop.post("/v1/inventory/reserve", body, self._key(basket.name))
            if reply.accepted:
                self.results.abandoned.append(str(reply.body["reservation_id"]))
            elif reply.status == 409:
                self.results.abandoned_refused += 1
            else:
                self._noted(reply, f"reserve {basket.name}")

    async def _send_again_later(self) -> None:
        """Repeats the same requests long after their answers, except for orders that have changed since."""
        late = [outcome for outcome in self.results.mixed if outcome.visit.repeat is Repeat.LATER]
        late = [outcome for outcome in late if outcome.reply.status != STILL_OPEN and not outcome.cancelled]

        async def again(outcome: Outcome) -> None:
            outcome.repeats.append(await self._place(outcome.visit, self._shop))

        await asyncio.gather(*(again(outcome) for outcome in late))

    def _key(self, name: str) -> str:
        return f"demo-{self._run}-{name}"

    def _noted(self, reply: Reply, what: str) -> bool:
        if not reply.accepted:
            self.results.troubles.append(f"{what}: HTTP {reply.status} {reply.reason}")
        return reply.accepted
