"""A small load of whole orders through the edge, from clients that never give up; and the checks of their outcomes."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, LiteralString, NamedTuple

import grpc
import orjson

from gen.promo.v1 import promotion_pb2
from gen.promo.v1 import promotion_service_pb2 as pb
from gen.promo.v1.promotion_service_pb2_grpc import PromotionServiceStub
from tests import databases
from tests.demo.http_client import Pool
from tests.demo.outcomes import named_order
from tests.demo.services import call
from tests.demo.shop import Reply, Shop
from tests.fault import shop
from tests.fault.cluster import Cluster
from tests.fault.oracle import Verdict

CLIENTS = 8
TOKENS = ("tok_ok", "tok_ok", "tok_ok", "tok_declined", "tok_ok", "tok_timeout")
PAID = ("AUTHORIZED", "CAPTURED")
DONE = ("CONFIRMED", "CANCELLED")
UNFINISHED_AFTER_S = 120.0
"""The product's promise: no order stays unfinished for longer."""
POLL_S = 0.5

SALES: LiteralString = """
SELECT o.order_id, o.state, l.quantity, p.status, o.discounts <> '[]', l.sku
  FROM orders o CROSS JOIN LATERAL jsonb_to_recordset(o.lines) AS l (sku text, quantity bigint)
  LEFT JOIN sandbox_payments p USING (order_id) WHERE l.sku = ANY (%s)"""
CLAIM: LiteralString = "SELECT id, state FROM reservations WHERE id = ANY (%s)"
LEVEL: LiteralString = "SELECT reserved, committed FROM stock_levels WHERE sku = %s"


class Sale(NamedTuple):
    """One order of this load as the databases have it: a row of SALES."""

    order_id: str
    state: str
    quantity: int
    payment: str | None
    discounted: bool
    sku: str


@dataclass(frozen=True, slots=True)
class Deal:
    """A sku of a try, and the code that every second buyer of it uses."""

    name: str
    units: int
    uses: int

    @property
    def code(self) -> str:
        """Also the promotion's id."""
        return self.name.replace(".", "-")[-40:]


@dataclass
class Trickle:
    """Orders of one try, alternating between a deal that ends early and one that outlasts every fault."""

    cluster: Cluster
    run: str
    replies: list[Reply] = field(default_factory=list)
    troubles: Counter[str] = field(default_factory=Counter)
    """Reasons for which buyers retried."""
    _stopped: bool = False
    _clients: list[asyncio.Task[None]] = field(default_factory=list)
    _pool: Pool | None = None

    @property
    def deals(self) -> tuple[Deal, Deal]:
        """The first is used up and sold out within seconds, the second never."""
        return Deal(f"{self.run}-FEW", 400, 30), Deal(f"{self.run}-MANY", 10_000_000, 10_000_000)

    async def begin(self) -> None:
        """Creates goods and their codes, and starts buyers that continue until `end`."""
        async with grpc.aio.insecure_channel(self.cluster.addresses["inventory"]) as channel:
            await shop.filled(channel, f"{self.run}-orders", {deal.name: deal.units for deal in self.deals})
        for deal in self.deals:
            await self._offer(deal)
        self._pool = Pool(f"http://{self.cluster.addresses['edge']}", CLIENTS)
        buyers = Shop(self._pool, self.cluster.token)
        self.troubles = buyers.troubles
        self._clients = [asyncio.create_task(self._buy(buyers, client)) for client in range(CLIENTS)]

    async def placed(self, number: int) -> None:
        """Returns after this many more orders were answered."""
        wanted = len(self.replies) + number
        while len(self.replies) < wanted:
            for client in self._clients:
                if client.done():
                    client.result()
            await asyncio.sleep(POLL_S / 10)

    async def end(self) -> None:
        """Starts no more orders and waits for every answer."""
        self._stopped = True
        await asyncio.gather(*self._clients)
        await self._leave()

    async def abandon(self) -> None:
        """Starts no more orders and cancels those in flight."""
        for client in self._clients:
            client.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)
        await self._leave()

    async def _leave(self) -> None:
        if self._pool is not None:
            await self._pool.close()

    async def _buy(self, buyers: Shop, client: int) -> None:
        number = 0
        while not self._stopped:
            number += 1
            deal = self.deals[number // 2 % 2]
            body = {
                "lines": [{"sku": deal.name, "quantity": 1 + number % 2}],
                "customer": {"id": f"{self.run}-{client}", "email": "buyer@example.com"},
                "codes": [deal.code] if number % 2 else [],
                "currency": "EUR",
                "channel": "web",
                "payment": {"provider": "sandbox", "token": TOKENS[(number + client) % len(TOKENS)]},
            }
            key = f"{self.run}-{client}-{number}"
            twins = 2 if number % 5 == 0 else 1
            self.replies += await asyncio.gather(*(buyers.post("/v1/orders", body, key) for _ in range(twins)))

    async def _offer(self, deal: Deal) -> None:
        offer = promotion_pb2.Promotion(
            promotion_id=deal.code, name="Ten percent off", percent_bps=1_000, code=deal.code, usage_limit=deal.uses
        )
        async with grpc.aio.insecure_channel(self.cluster.addresses["promo"]) as channel:
            stub: Any = PromotionServiceStub(channel)
            create = pb.CreatePromotionRequest(request_id=f"{deal.name}-code", promotion=offer)
            await call(stub.CreatePromotion, create)
            activate = pb.ActivatePromotionRequest(request_id=f"{deal.name}-on", promotion_id=deal.code)
            await call(stub.ActivatePromotion, activate)

    async def judged(self, healed_at: float) -> Verdict:
        """Waits until the last order ends, at most 120 s after the fault, then compares all databases."""
        deadline = healed_at + UNFINISHED_AFTER_S
        names = [deal.name for deal in self.deals]
        while True:
            rows = await asyncio.to_thread(databases.read, self.cluster.database("orders"), SALES, names)
            sales = [Sale(*row) for row in rows]
            open_now = [sale for sale in sales if sale.state not in DONE]
            if not open_now or time.monotonic() > deadline:
                break
            await asyncio.sleep(POLL_S)
        verdict = Verdict(stranded=len(open_now))
        for sale in open_now:
            verdict.note(f"order {sale.order_id} is still {sale.state}")
        for deal in self.deals:
            of_deal = [sale for sale in sales if sale.sku == deal.name]
            await asyncio.to_thread(self._sold, verdict, deal, of_deal)
            await self._used(verdict, deal, sum(sale.discounted for sale in of_deal if sale.state == "CONFIRMED"))
        await self._audited(verdict)
        self._kept(verdict, {sale.order_id: sale.state for sale in sales})
        return verdict

    def _sold(self, verdict: Verdict, deal: Deal, sales: Sequence[Sale]) -> None:
        """Every confirmed order has stock and a payment, no other order has; the level is their sum."""
        inventory = self.cluster.database("inventory")
        claims = dict(databases.read(inventory, CLAIM, [sale.order_id for sale in sales]))
        units = 0
        for order_id, state, quantity, payment, *_ in sales:
            confirmed = state == "CONFIRMED"
            units += quantity if confirmed else 0
            if confirmed and claims.get(order_id) != "COMMITTED":
                verdict.oversold += quantity
                verdict.note(f"order {order_id} is confirmed, but its reservation is {claims.get(order_id)}")
            if (payment in PAID) != confirmed:
                verdict.lost += 1
                verdict.note(f"order {order_id} is {state}, but its payment is {payment}")
        reserved, committed = databases.read(inventory, LEVEL, deal.name)[0]
        if units > deal.units:
            verdict.oversold += units - deal.units
            verdict.note(f"{units} of {deal.units} units of {deal.name} are sold")
        if (reserved, committed) != (0, units):
            verdict.stranded += abs(reserved) + abs(committed - units)
            verdict.note(
                f"{units} units of {deal.name} are sold, the level says {reserved} reserved, {committed} committed"
            )

    async def _used(self, verdict: Verdict, deal: Deal, used: int) -> None:
        """The code was used by confirmed orders only, and within its limit."""
        async with grpc.aio.insecure_channel(self.cluster.addresses["promo"]) as channel:
            stub: Any = PromotionServiceStub(channel)
            found = (await call(stub.GetPromotion, pb.GetPromotionRequest(promotion_id=deal.code))).promotion.used
        if used > deal.uses:
            verdict.oversold += used - deal.uses
            verdict.note(f"{deal.code} was used {used} times of {deal.uses}")
        if found != used:
            verdict.stranded += abs(found - used)
            verdict.note(f"{deal.code}: {used} orders have it, promo says {found}")

    async def _audited(self, verdict: Verdict) -> None:
        async with grpc.aio.insecure_channel(self.cluster.addresses["promo"]) as channel:
            stub: Any = PromotionServiceStub(channel)
            audit = await call(stub.AuditUsage, pb.AuditUsageRequest())
        wrong = audit.gate_mismatches + audit.movement_mismatches + audit.redemption_mismatches
        if wrong:
            verdict.stranded += wrong
            verdict.note(f"the audit of uses finds {list(audit.examples)}")

    def _kept(self, verdict: Verdict, states: dict[str, str]) -> None:
        """The answers that buyers received are true."""
        strange = Counter(reply.status for reply in self.replies if reply.status not in (201, 202, 402, 409))
        if strange:
            verdict.lost += strange.total()
            verdict.note(f"answers that match no rule: {dict(strange)}, such as {self._first(strange)}")
        for reply in self.replies:
            if reply.body.get("state") == "CONFIRMED" and states.get(named_order(reply)) != "CONFIRMED":
                verdict.lost += 1
                verdict.note(f"{named_order(reply)}: answer confirmed, state {states.get(named_order(reply))}")

    def _first(self, strange: Counter[int]) -> str:
        reply = next(reply for reply in self.replies if reply.status in strange)
        return orjson.dumps(reply.body).decode()[:200] or reply.last_trouble
