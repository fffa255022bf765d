"""`make pay` and `make call` on the whole product: manual actions of a developer."""

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


def ran(stack: Stack, program: str, *arguments: str) -> tuple[int, str]:
    """Exit code and output."""
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-m", f"chassis.local.{program}", *arguments],
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
    assert ran(stack, "pay", order["order_id"], result) == (0, f"{order['order_id']} is {state}, payment {status}\n")
    code, said = ran(stack, "pay", order["order_id"], result)
    assert (code, f"is {state} and its payment is {status}" in said) == (1, True)


async def test_an_order_that_does_not_exist_is_one_line(stack: Stack) -> None:
    code, said = ran(stack, "pay", "ord_none")
    assert (code, said.count("\n")) == (1, 1)
    assert said.startswith("pay: ord_none cannot be read: ")


async def test_a_refused_call_is_explained_and_an_answer_is_json(stack: Stack, product: Product) -> None:
    sku = await product.stocked(3)
    code, said = ran(stack, "call", "inventory.v1.StockService/GetStock", f'{{"sku": "{sku}"}}')
    assert (code, orjson.loads(said)["stock"]["on_hand"]) == (0, "3")
    wanted = f'{{"request_id": "call-{sku}", "lines": [{{"sku": "{sku}", "quantity": 4}}]}}'
    code, said = ran(stack, "call", "inventory.v1.ReservationService/ReserveStock", wanted)
    first, _, details = said.partition("\n")
    assert (code, first) == (1, f"FAILED_PRECONDITION: 4 of {sku} wanted, 3 available")
    assert orjson.loads(details)["reason"] == "INSUFFICIENT_STOCK"


@pytest.mark.parametrize(
    ("rpc", "data", "complaint"),
    [
        ("", "", "usage: make call RPC="),
        ("inventory.v1.StockService/Forget", "", "call: inventory.v1.StockService has no method Forget; it has "),
        ("inventory.v1.Nothing/GetStock", "", "has no service inventory.v1.Nothing"),
        ("inventory.v1.StockService/GetStock", '{"skux": ""}', 'has no field named "skux"'),
        ("inventory.v1.StockService/GetStock", "{", "call: DATA is not a inventory.v1.GetStockRequest: "),
    ],
)
def test_a_wrong_call_is_one_line(stack: Stack, rpc: str, data: str, complaint: str) -> None:
    code, said = ran(stack, "call", rpc, data)
    assert (code, said.count("\n"), complaint in said) == (1, 1, True), said
