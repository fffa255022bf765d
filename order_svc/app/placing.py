"""PlaceOrder: prices and stores the order, runs its saga, and gives every repeat the first result."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace
from functools import partial

from chassis import requests
from chassis.errors import ServiceError
from order_svc.app.checkout import Checkout
from order_svc.app.runs import POLL_S, Runs, new_owner, patience_s
from order_svc.app.saga import LeaseLost
from order_svc.domain import pricing, saga
from order_svc.domain.errors import DomainError, OrderStateForbids, ProviderUnknown, Refused, Unreachable
from order_svc.domain.order import Order, OrderRequest, State
from order_svc.domain.saga import Progress
from order_svc.store.leases import Leases
from order_svc.store.orders import Lease, Orders

RUNNABLE = (State.PRICED, State.AUTHORIZING, State.AUTHORIZED, State.CANCELLING)
PRICING_PAUSE_S = 0.1
LEAVE_MARGIN_S = 0.1
"""Part of the caller's waiting time that is kept for storing how far its saga came."""


@dataclass(frozen=True)
class Placed:
    """The order as stored; `replayed` when its request_id was used before."""

    order: Order
    replayed: bool


@dataclass(frozen=True)
class PlaceOrder:
    """Two commits for a good order: priced, confirmed."""

    orders: Orders
    leases: Leases
    checkout: Checkout
    runs: Runs

    async def place(self, request: OrderRequest) -> Placed:
        """Idempotent by request_id. Raises Refused, Unreachable (the worker completes it), Overloaded (nothing was done)."""
        if request.provider not in self.checkout.providers:
            raise ProviderUnknown("payment.provider", request.provider)
        key = f"{request.order_id}/{request.fingerprint}"
        while True:
            joined = self.runs.is_running(key)
            within_s = patience_s()
            work = partial(self._place, request, within_s - LEAVE_MARGIN_S)
            try:
                placed = await self.runs.join(key, work, within_s)
            except TimeoutError:
                raise Unreachable("order", "still in progress; retry with the same request_id") from None
            except Unreachable:
                if not joined:
                    raise  # else another caller's waiting time ended
            except Refused as no:
                raise repeated(no) if joined else no from None
            else:
                return replace(placed, replayed=placed.replayed or joined)

    async def _place(self, request: OrderRequest, within_s: float) -> Placed:
        give_up = time.monotonic() + within_s
        async with self.runs.place(within_s):
            while True:
                try:
                    progress = await self._price(request)
                    break
                except (DomainError, ServiceError) as failed:
                    # A repeat of an accepted order must not fail because prices changed or promo is down.
                    known = await self.orders.find(request.order_id)
                    if known is not None:
                        return await self._known(known, request, give_up)
                    if not isinstance(failed, Unreachable) or time.monotonic() + PRICING_PAUSE_S > give_up:
                        raise
                await asyncio.sleep(PRICING_PAUSE_S)
            return await self._begin(progress, request, give_up)

    async def _begin(self, progress: Progress, request: OrderRequest, give_up: float) -> Placed:
        owner = new_owner()
        refused_at_once = progress.order.state is State.CANCELLED
        if not await self.orders.insert(progress, Lease(owner, released=refused_at_once)):
            known = await self.orders.find(request.order_id)
            if known is None:
                raise requests.reused(request.request_id)
            return await self._known(known, request, give_up)
        if refused_at_once:
            return answer(progress.order, replayed=False)
        return await self._run(progress, owner, request, give_up, replayed=False)

    async def _price(self, request: OrderRequest) -> Progress:
        """The order as it is first stored. It only reads, so nothing has to be stored before."""
        prices = await self.checkout.inventory.prices([line.sku for line in request.lines])
        pricing.check_prices(request, prices)
        quote = await self.checkout.promotions.quote(request, prices)
        now = self.checkout.clock()
        progress = Progress(pricing.priced(request, prices, quote, now), None, fresh=True)
        progress.move(State.NEW, now, "placed")
        progress.move(State.PRICED, now)
        unusable = pricing.unusable_code(request, quote)
        if unusable is not None:
            progress.refuse(unusable.refusal, now)
        else:
            self.checkout.intend(progress)
        return progress

    async def _run(
        self, progress: Progress, owner: str, request: OrderRequest, give_up: float, replayed: bool
    ) -> Placed:
        order_id = request.order_id
        try:
            order = await self.runs.go_on(progress, owner, give_up - time.monotonic())
        except (Unreachable, ServiceError):
            left = await self.orders.find(order_id)
            if left is None or (left.refusal is None and not saga.money_open(left)):
                raise
            order = left
        except LeaseLost:
            known = await self.orders.find(order_id)
            if known is None:
                raise
            return await self._known(known, request, give_up)
        return answer(order, replayed)

    async def _known(self, order: Order, request: OrderRequest, give_up: float) -> Placed:
        """The answer for an existing order: at once when it is settled, else after running it or waiting for its run."""
        if order.fingerprint != request.fingerprint:
            raise requests.reused(request.request_id)
        while not _settled(order):
            owner = new_owner()
            claimed = await self.leases.claim(order.order_id, owner, RUNNABLE)
            if claimed is not None:
                progress = saga.resumed(claimed)
                return await self._run(progress, owner, request, give_up, replayed=True)
            if time.monotonic() + POLL_S > give_up:
                break
            await asyncio.sleep(POLL_S)
            order = await self.orders.find(order.order_id) or order
        return answer(order, replayed=True)


def _settled(order: Order) -> bool:
    if order.state is State.CANCELLING:
        return order.confirmed_at is not None
    return order.state in saga.ENDED or order.state is State.NEEDS_REVIEW or saga.waits_for_customer(order)


def answer(order: Order, replayed: bool) -> Placed:
    """The result of PlaceOrder for an order in this state: Placed, or an error."""
    if order.refusal is not None:
        known = {**order.refusal.metadata, "order_id": order.order_id}
        no = Refused(replace(order.refusal, metadata=known))
        raise repeated(no) if replayed else no
    if order.state is State.NEEDS_REVIEW:
        raise OrderStateForbids(order.order_id, order.state)
    if order.state in saga.ENDED or order.confirmed_at is not None or saga.waits_for_customer(order):
        return Placed(order, replayed)
    asked = saga.money_open(order) and order.state is not State.PRICED
    if asked and order.lease_owner is None:  # the provider was asked and has no outcome yet
        return Placed(order, replayed)
    raise Unreachable("order", "the order is still in progress; retry with the same request_id")


def repeated(no: Refused) -> Refused:
    """The same refusal, marked as a repeat in its metadata, the only place that an error has for it."""
    return Refused(replace(no.refusal, metadata={**no.refusal.metadata, "replayed": "true"}))
