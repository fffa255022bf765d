"""`kill -9` of each process in the middle of a rush: no unit, order or payment is lost or invented.

The six kills follow each other on one product while the clients of the earlier ones still wait: a crash during the
recovery from the last one is the harder case, and waiting once is quicker than waiting six times.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator

import pytest

from tests import stack as stacks
from tests.demo.outcomes import named_order
from tests.e2e.crowd import USES, VISITS, Crowd, Sale
from tests.e2e.product import Product, comes_true, connected

VICTIMS = ("inventory", "order", "promo", "edge", "redis", "postgres")
SETTLED_WITHIN_S = 120.0
"""The product's promise: no order stays unfinished for longer."""
PAID = ("AUTHORIZED", "CAPTURED")


@pytest.fixture(scope="module")
async def crowds() -> AsyncIterator[dict[str, Crowd]]:
    """Each victim's crowd, after all answers have arrived and all work has ended."""
    with stacks.running() as stack:
        async with connected(stack) as product:
            found: dict[str, Crowd] = {}
            rushes = []
            for victim in VICTIMS:
                found[victim] = crowd = await Crowd.gathered(product)
                rushes.append(asyncio.create_task(crowd.buy()))
                await crowd.in_the_middle.wait()
                await kill(product, victim)
            await asyncio.gather(*rushes)
            await comes_true(lambda: settled(product), "all is settled", SETTLED_WITHIN_S)
            yield found


async def kill(product: Product, victim: str) -> None:
    """Kills it as a crash would; returns when its successor runs and the product is ready."""
    before = product.stack.pid(victim)
    assert before is not None
    os.kill(before, signal.SIGKILL)

    async def back() -> bool:
        return product.stack.pid(victim) not in (None, before)

    await comes_true(back, f"{victim} is restarted")
    assert (await product.patient.get("/readyz")).status == 200


async def settled(product: Product) -> bool:
    """No order is unfinished, and gate, journal and movements agree."""
    unfinished = await product.unfinished()
    return not unfinished and await product.mismatches() == []


def told(crowd: Crowd) -> dict[str, str]:
    """The answer to each buyer by order: a state, or a reason."""
    return {named_order(reply): str(reply.body.get("state") or reply.reason) for reply in crowd.replies}


def confirmed(sales: list[Sale]) -> list[Sale]:
    return [sale for sale in sales if sale.state == "CONFIRMED"]


@pytest.mark.parametrize("victim", VICTIMS)
async def test_every_buyer_got_an_answer_and_it_was_the_truth(crowds: dict[str, Crowd], victim: str) -> None:
    crowd = crowds[victim]
    assert len(crowd.replies) == VISITS
    assert {reply.status for reply in crowd.replies} <= {201, 202, 402, 409}
    assert all(reply.status in (200, 202) for reply in crowd.cancelled.values())
    states = {sale.order_id: sale.state for sku in (crowd.plenty, crowd.scarce) for sale in crowd.sales(sku)}
    answers = told(crowd)
    assert states.keys() == answers.keys(), "every order has its buyer, and every buyer one order"
    for order_id, word in answers.items():
        if word == "AUTHORIZING":  # accepted while the payment's outcome was open
            continue
        stands = word == "CONFIRMED" and order_id not in crowd.cancelled
        assert states[order_id] == ("CONFIRMED" if stands else "CANCELLED"), (order_id, word)


@pytest.mark.parametrize("victim", VICTIMS)
async def test_units_sold_are_units_gone_and_never_more_than_there_were(crowds: dict[str, Crowd], victim: str) -> None:
    crowd = crowds[victim]
    for sku in (crowd.plenty, crowd.scarce):
        sold = sum(sale.quantity for sale in confirmed(crowd.sales(sku)))
        on_hand, reserved, committed, available = await crowd.product.numbers(sku)
        assert (reserved, committed, available) == (0, sold, on_hand - sold)
        assert available >= 0


@pytest.mark.parametrize("victim", VICTIMS)
async def test_payments_are_held_for_confirmed_orders_and_for_no_others(crowds: dict[str, Crowd], victim: str) -> None:
    crowd = crowds[victim]
    for sale in [*crowd.sales(crowd.plenty), *crowd.sales(crowd.scarce)]:
        assert (sale.payment in PAID) == (sale.state == "CONFIRMED"), sale


@pytest.mark.parametrize("victim", VICTIMS)
async def test_a_code_is_used_by_confirmed_orders_only_and_not_too_often(crowds: dict[str, Crowd], victim: str) -> None:
    crowd = crowds[victim]
    full = max(sale.total_minor for sale in crowd.sales(crowd.plenty))
    discounted = [sale for sale in confirmed(crowd.sales(crowd.plenty)) if sale.total_minor < full]
    assert await crowd.uses() == len(discounted) <= USES
