"""The test bench of order_svc: a running service, its far sides, its clock, and an audit of the invariants."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from math import ceil
from typing import Any

import grpc

from chassis import client, context
from chassis.db import Database
from chassis.server import Server
from gen.order.v1 import (
    audit_service_pb2_grpc,
    order_pb2,
    order_service_pb2,
    order_service_pb2_grpc,
    saga_service_pb2,
    saga_service_pb2_grpc,
)
from order_svc.__main__ import Service, compose
from order_svc.api.errors import TABLE
from order_svc.clients.payments import PaymentProvider
from order_svc.clients.sandbox import Sandbox
from order_svc.store.sandbox_payments import SandboxPayments
from tests.order_svc import far_side
from tests.order_svc.far_side import FakeInventory, FakePromotions

TABLES = (
    "audit_findings, orders, order_transitions, saga_steps, payment_events, sandbox_payments, sandbox_parts, outbox"
)
PAYMENT_WAIT_S = 780
_numbers = itertools.count(1)


@dataclass
class Clock:
    """The service's clock: the real time plus an offset that the test sets."""

    ahead: timedelta = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@dataclass
class Shop:
    """`restart` gives a new process: in-memory state is lost."""

    db: Database
    inventory: FakeInventory
    promotions: FakePromotions
    channel: grpc.aio.Channel
    clock: Clock = field(default_factory=Clock)
    service: Service = field(init=False)
    server: Server | None = None
    own_channel: grpc.aio.Channel = field(init=False)
    provider: PaymentProvider = field(init=False)
    patience_s: float = 5.0
    """Deadline of calls without their own."""
    direct: bool = False
    """Calls bypass the wire, which would swallow a crash and leave the caller waiting."""

    async def start(self, provider: PaymentProvider | None = None) -> None:
        """Serves from now on, with `provider` in the sandbox's place if given."""
        self.provider = provider or Sandbox(SandboxPayments(self.db))
        self.service = compose(
            self.db, self.channel, self.channel, {"sandbox": self.provider}, PAYMENT_WAIT_S, self.clock
        )
        if self.direct:
            return
        if self.server is not None:
            await self.own_channel.close()
            await self.server.stop()
        self.server = Server("127.0.0.1:0", self.service.servicers, TABLE, _always)
        await self.server.start()
        self.own_channel = client.connect(f"127.0.0.1:{self.server.port}")
        self.orders = order_service_pb2_grpc.OrderServiceStub(self.own_channel)
        self.sagas = saga_service_pb2_grpc.SagaServiceStub(self.own_channel)
        self.audits = audit_service_pb2_grpc.AuditServiceStub(self.own_channel)

    async def call(self, method: str, request: Any, within_s: float | None = None) -> Any:
        """A method of OrderService."""
        seconds = within_s or self.patience_s
        if not self.direct:
            return await client.call(getattr(self.orders, method), request, timeout_s=seconds)

        async def handle() -> Any:
            context.set_deadline(seconds)
            return await getattr(self.service.servicers[0].implementation, method)(request, None)

        return await asyncio.create_task(handle())

    async def place(self, within_s: float | None = None, **fields: Any) -> order_service_pb2.PlaceOrderResponse:
        """PlaceOrder with an ordinary basket, changed by `fields`. ServiceError if refused."""
        answer: order_service_pb2.PlaceOrderResponse = await self.call("PlaceOrder", basket(**fields), within_s)
        return answer

    async def get(self, order_id: str) -> order_pb2.Order:
        """The order with its history."""
        request = order_service_pb2.GetOrderRequest(order_id=order_id)
        answer = await self.call("GetOrder", request)
        order: order_pb2.Order = answer.order
        return order

    async def cancel(self, order_id: str, reason: str = "changed my mind") -> order_pb2.Order:
        """CancelOrder."""
        request = order_service_pb2.CancelOrderRequest(request_id=new_id(), order_id=order_id, reason=reason)
        answer = await self.call("CancelOrder", request)
        order: order_pb2.Order = answer.order
        return order

    async def report(
        self, reference: str, outcome: str = "AUTHORIZED", event_id: str = "", within_s: float | None = None
    ) -> Any:
        """RecordPaymentEvent."""
        request = order_service_pb2.RecordPaymentEventRequest(
            event_id=event_id or new_id(),
            provider="sandbox",
            payment_reference=reference,
            outcome=order_service_pb2.RecordPaymentEventRequest.Outcome.Value(f"OUTCOME_{outcome}"),
        )
        return await self.call("RecordPaymentEvent", request, within_s)

    async def stuck(self, older_than_s: int = 0) -> list[saga_service_pb2.Saga]:
        """ListStuckSagas, as if all orders had been placed long ago."""
        await self.execute("UPDATE orders SET created_at = created_at - interval '1 hour'")
        request = saga_service_pb2.ListStuckSagasRequest(older_than_seconds=older_than_s)
        answer = await client.call(self.sagas.ListStuckSagas, request)
        return list(answer.sagas)

    async def resume(self) -> int:
        """The worker's passes, with every lease and pause over, until no saga is due."""
        ran = 0
        for _ in range(20):
            await self.execute("UPDATE orders SET due_at = now() WHERE due_at IS NOT NULL")
            once = await self.service.resume.run_once()
            if once == 0:
                break
            ran += once
        return ran

    @asynccontextmanager
    async def sibling(self) -> AsyncIterator[Any]:
        """The orders' stub of a second process on the same database."""
        providers = {"sandbox": self.provider}
        service = compose(self.db, self.channel, self.channel, providers, PAYMENT_WAIT_S, self.clock)
        server = Server("127.0.0.1:0", service.servicers, TABLE, _always)
        await server.start()
        channel = client.connect(f"127.0.0.1:{server.port}")
        try:
            yield order_service_pb2_grpc.OrderServiceStub(channel)
        finally:
            await channel.close()
            await server.stop()

    async def execute(self, statement: str, *values: object) -> None:
        """SQL on the service's database."""
        async with self.db.connection() as connection:
            await connection.execute(statement, values)

    async def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Returns the rows of a query."""
        async with self.db.connection() as connection:
            return await (await connection.execute(statement, values)).fetchall()

    async def audit(self) -> None:
        """Checks the invariants that hold whenever no order is in flight."""
        orders = await self.rows(
            "SELECT order_id, state, payment_key, payment_status, discounts::text, lines, refunded_minor FROM orders"
        )
        books = await self.rows("SELECT key, status, amount_minor - refunded_minor FROM sandbox_payments")
        paid, kept = {row[0]: row[1] for row in books}, {row[0]: row[2] for row in books}
        known = {row[0] for row in orders}
        for order_id, state, key, status, discounts, lines, refunded in orders:
            reservation = self.inventory.reservations.get(order_id)
            redemption = self.promotions.redemptions.get(order_id)
            assert state in ("CONFIRMED", "CANCELLED"), (order_id, state)
            if state == "CONFIRMED":
                assert reservation is not None and reservation.state == far_side.COMMITTED, order_id
                _audit_units(lines, reservation)
                owed = sum(line["total_minor"] - line["refunded_minor"] for line in lines)
                assert refunded == sum(line["refunded_minor"] for line in lines), (order_id, refunded)
                assert not key or kept[key] == owed, (order_id, kept[key], owed)
                assert not owed or paid[key] in ("AUTHORIZED", "CAPTURED"), (order_id, paid.get(key))
                assert discounts == "[]" or redemption is not None, order_id
                assert redemption is None or redemption.state == far_side.Uses.STATE_COMMITTED, order_id
            else:
                assert paid.get(key) not in ("AUTHORIZED", "CAPTURED", "ACTION_REQUIRED"), (order_id, paid.get(key))
                assert status not in ("AUTHORIZED", "CAPTURED", "ACTION_REQUIRED"), (order_id, status)
                assert reservation is None or not _holds(reservation), (order_id, reservation)
                live = (far_side.Uses.STATE_ACTIVE, far_side.Uses.STATE_COMMITTED)
                assert redemption is None or redemption.state not in live, order_id
        assert set(self.inventory.reservations) <= known
        assert {key.removesuffix(":pay") for key in paid} <= known
        await self._audit_history()

    async def _audit_history(self) -> None:
        broken = await self.rows(
            """SELECT order_id, from_state, before FROM (
                   SELECT order_id, from_state, lag(to_state) OVER (PARTITION BY order_id ORDER BY id) AS before
                     FROM order_transitions) AS chain
                WHERE from_state IS DISTINCT FROM before"""
        )
        assert broken == []
        last = await self.rows(
            """SELECT o.order_id FROM orders o WHERE o.state IS DISTINCT FROM (
                   SELECT to_state FROM order_transitions t WHERE t.order_id = o.order_id ORDER BY id DESC LIMIT 1)
                OR 'STATE_' || o.state IS DISTINCT FROM (
                   SELECT payload -> 'order' ->> 'state' FROM outbox
                    WHERE key = o.order_id AND starts_with(type, 'order.order.') ORDER BY id DESC LIMIT 1)"""
        )
        assert last == []


def _audit_units(lines: list[dict[str, Any]], reservation: Any) -> None:
    """Money = goods: each line is charged for the units that left or may still leave, unit by unit."""
    cancelled = Counter[str]()
    for part in reservation.lines:
        assert 0 <= part.fulfilled + part.cancelled <= part.quantity, reservation
        cancelled[part.sku] += part.cancelled
    for line in lines:
        assert line["cancelled_quantity"] == cancelled[line["sku"]], (line, reservation)
        share = Fraction(line["total_minor"] * line["cancelled_quantity"], line["quantity"])
        assert line["refunded_minor"] == ceil(share), line


def _holds(reservation: Any) -> bool:
    if reservation.state == far_side.ACTIVE:
        return True
    return reservation.state == far_side.COMMITTED and any(line.cancelled < line.quantity for line in reservation.lines)


def new_id() -> str:
    """Returns a new request id."""
    return f"test-{next(_numbers)}"


def basket(
    request_id: str | None = None,
    lines: list[tuple[str, int]] | None = None,
    codes: list[str] | None = None,
    place: str = "",
    token: str = "tok_ok",  # noqa: S107 a word of the sandbox
    **fields: Any,
) -> order_service_pb2.PlaceOrderRequest:
    """An ordinary PlaceOrder: two serums, paid by card."""
    values: dict[str, Any] = {
        "currency": "EUR",
        "channel": "web",
        "customer": order_pb2.Customer(id="c1", email="ada@example.com"),
        "payment": order_service_pb2.PaymentMethod(provider="sandbox", token=token),
    }
    request = order_service_pb2.PlaceOrderRequest(
        request_id=new_id() if request_id is None else request_id, codes=codes, **(values | fields)
    )
    for sku, quantity in [("SERUM", 2)] if lines is None else lines:
        request.lines.add(sku=sku, quantity=quantity, location=place)
    return request


@asynccontextmanager
async def opened(db: Database) -> AsyncIterator[Shop]:
    """A shop in an emptied database."""
    inventory = FakeInventory(
        prices={"SERUM": (1300, "EUR"), "CREAM": (999, "EUR"), "FREE": (0, "EUR"), "IMPORT": (500, "USD")},
        stock={"SERUM": 100, "CREAM": 100, "FREE": 100, "IMPORT": 100},
    )
    promotions = FakePromotions(codes={"TEN": 1000, "ALL": 10_000})
    far = await far_side.serve(inventory, promotions)
    channel = client.connect(f"127.0.0.1:{far.port}")
    shop = Shop(db, inventory, promotions, channel)
    await shop.execute(f"TRUNCATE {TABLES}")
    await shop.start()
    try:
        yield shop
    finally:
        await shop.own_channel.close()
        if shop.server is not None:
            await shop.server.stop()
        await channel.close()
        await far.stop()


async def _always() -> bool:
    return True
