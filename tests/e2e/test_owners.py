"""A paid order keeps its goods: no other caller can release them, and after a forced release the money is refunded."""

from __future__ import annotations

import asyncio
import secrets
from typing import Any

import orjson
import pytest

from chassis import client
from chassis.errors import ServiceError
from gen.inventory.v1 import reservation_service_pb2 as pb
from tests import databases
from tests.e2e.product import LOCATION, PRICE_MINOR, TIMEOUT_S, Product, told

UNITS = 5
PAID = UNITS * PRICE_MINOR
VERBS = ("commit", "release", "extend", "fulfill", "cancel")
WHY = "the parcel never left"


async def bought(product: Product) -> tuple[str, str]:
    """A confirmed order of all units of a new sku: its id and the sku."""
    sku = await product.stocked(UNITS)
    order_id = (await product.place_over_grpc(f"{sku}-buyer", sku, UNITS)).order_id
    assert await product.numbers(sku) == (UNITS, 0, UNITS, 0)
    return order_id, sku


async def change(product: Product, order_id: str, verb: str, **body: Any) -> tuple[int, dict[str, Any]]:
    """One change of the order's reservation over REST."""
    more = {"ttl_seconds": 60} if verb == "extend" else {}
    answer = await product.send("POST", f"/v1/inventory/reservations/{order_id}/{verb}", {**more, **body})
    return answer.status, orjson.loads(answer.body)


async def cancelled(product: Product, order_id: str) -> dict[str, Any]:
    """The order after PUT cancel, which must succeed, with the same answer for a repeat."""
    first, again = [
        await product.send("PUT", f"/v1/orders/{order_id}/cancel", {"reason": "changed my mind"}) for _ in range(2)
    ]
    assert (told(first), first.body) == ((200, ""), again.body)
    order: dict[str, Any] = orjson.loads(first.body)
    return order


def held(product: Product, order_id: str) -> tuple[str, int]:
    """The provider's record: the status, and the amount that is still held."""
    query = "SELECT status, amount_minor - refunded_minor FROM sandbox_payments WHERE order_id = %s"
    [row] = databases.read(product.stack.database("orders"), query, order_id)
    return str(row[0]), int(row[1])


def some(sku: str, units: int) -> list[dict[str, Any]]:
    return [{"sku": sku, "location": LOCATION, "quantity": units}]


@pytest.mark.parametrize("verb", VERBS)
async def test_nobody_changes_a_paid_orders_reservation_in_passing(product: Product, verb: str) -> None:
    order_id, sku = await bought(product)
    for owner in ("", order_id, "cart-7"):
        status, problem = await change(product, order_id, verb, owner=owner)
        assert (status, problem["reason"]) == (409, "RESERVATION_OWNED_BY_ANOTHER")
    status, problem = await change(product, order_id, verb, owner=f"order:{order_id}")
    assert (status, problem["errors"][0]["field"]) == (422, "owner")
    assert await product.numbers(sku) == (UNITS, 0, UNITS, 0)


@pytest.mark.parametrize("units", [UNITS, 2])
async def test_goods_that_a_person_forced_back_are_told_and_the_order_is_cancelled_with_all_its_money(
    product: Product, units: int
) -> None:
    order_id, sku = await bought(product)
    status, reservation = await change(product, order_id, "cancel", lines=some(sku, units), force_reason=WHY)
    assert (status, reservation["lines"][0]["cancelled"]) == (200, units)
    query = "SELECT payload->>'forced_reason' FROM outbox WHERE key = %s AND type = 'inventory.reservation.cancelled'"
    assert databases.read(product.stack.database("inventory"), query, order_id) == [(WHY,)]
    order = await cancelled(product, order_id)
    assert (order["state"], order["payment"]["status"], order["payment"]["refunded_minor"]) == (
        "CANCELLED",
        "VOIDED",
        PAID,
    )
    assert await product.numbers(sku) == (UNITS, 0, 0, UNITS)
    assert held(product, order_id) == ("VOIDED", 0)
    assert await product.mismatches() == []


async def test_an_order_of_which_a_part_has_left_is_paid_for_that_part(product: Product) -> None:
    order_id, sku = await bought(product)
    assert (await change(product, order_id, "fulfill", lines=some(sku, 2), force_reason="shipped"))[0] == 200
    order = await cancelled(product, order_id)
    [line] = order["lines"]
    assert (order["state"], line["cancelled_quantity"], line["refunded_minor"]) == ("CONFIRMED", 3, 3 * PRICE_MINOR)
    assert await product.numbers(sku) == (3, 0, 0, 3)
    assert held(product, order_id) == ("AUTHORIZED", 2 * PRICE_MINOR)
    assert await product.mismatches() == []


@pytest.mark.parametrize("trial", range(4))
async def test_when_goods_leave_and_the_order_is_cancelled_at_once_each_unit_has_one_end(
    product: Product, trial: int
) -> None:
    order_id, sku = await bought(product)

    async def leave() -> int:
        request = pb.FulfillReservationRequest(
            request_id=secrets.token_hex(8),
            reservation_id=order_id,
            owner=f"order:{order_id}",
            lines=[pb.LineQuantity(sku=sku, location=LOCATION, quantity=1)],
        )
        try:
            await client.call(product.services.reservations.FulfillReservation, request, TIMEOUT_S)
        except ServiceError as refused:
            assert refused.reason == "QUANTITY_NOT_OPEN"
            return 0
        return 1

    async def cancel() -> None:
        answer = await product.send("PUT", f"/v1/orders/{order_id}/cancel", {})
        assert told(answer) in ((200, ""), (409, "ORDER_STATE_FORBIDS"))

    early = [leave() for _ in range(trial)]
    *left, _, _ = await asyncio.gather(*early, *(leave() for _ in range(UNITS)), cancel(), cancel())
    gone = sum(one or 0 for one in left)
    order = orjson.loads((await product.send("GET", f"/v1/orders/{order_id}", b"")).body)
    assert order["state"] == ("CONFIRMED" if gone else "CANCELLED")
    assert order["lines"][0]["cancelled_quantity"] == UNITS - gone
    assert await product.numbers(sku) == (UNITS - gone, 0, 0, UNITS - gone)
    assert held(product, order_id)[1] == gone * PRICE_MINOR == PAID - order["payment"]["refunded_minor"]
    assert await product.mismatches() == []
