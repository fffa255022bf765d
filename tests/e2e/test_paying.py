"""`make pay` on the whole product: the bank's answer to a 3-D Secure order, played by hand."""

from __future__ import annotations

import subprocess
import sys

import orjson
import pytest

from chassis.local.config import ROOT
from tests import config
from tests.e2e.product import Product
from tests.stack import Stack

WITHIN_S = 60


def paid(stack: Stack, *arguments: str) -> tuple[int, str]:
    """Exit code and what was said."""
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-m", "chassis.local.pay", *arguments],
        cwd=ROOT,
        env={**config.load().environment, "LOCAL_DIR": str(stack.local)},
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("result", "state", "status"), [("", "CONFIRMED", "AUTHORIZED"), ("declined", "CANCELLED", "DECLINED")]
)
async def test_an_order_that_waits_for_the_bank_is_confirmed_or_declined_by_hand(
    stack: Stack, product: Product, result: str, state: str, status: str
) -> None:
    sku = await product.stocked(5)
    placed = await product.place(f"pay-{sku}", sku=sku, token="tok_3ds")
    order = orjson.loads(placed.body)
    action = order["payment"]["next_action"]
    assert (placed.status, action["type"]) == (202, "CONFIRM_PAYMENT")
    assert f"make pay ORDER={order['order_id']}" in action["description"]
    assert paid(stack, order["order_id"], result) == (0, f"{order['order_id']} is {state}, payment {status}\n")
    code, said = paid(stack, order["order_id"], result)
    assert (code, f"is {state} and its payment {status}" in said) == (1, True)


async def test_an_order_that_does_not_exist_is_one_line(stack: Stack) -> None:
    code, said = paid(stack, "ord_none")
    assert (code, said.count("\n")) == (1, 1)
    assert said.startswith("pay: ord_none cannot be read: ")
