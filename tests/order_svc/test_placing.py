"""PlaceOrder from the outside: what is answered, stored and left claimed."""

from __future__ import annotations

from gen.order.v1 import order_pb2
from tests.order_svc.shop import Shop


async def test_a_good_order_is_confirmed_and_everything_is_committed(shop: Shop) -> None:
    answer = await shop.place(lines=[("SERUM", 2), ("CREAM", 1)], codes=["TEN"])
    order = answer.order
    assert order.state == order_pb2.Order.STATE_CONFIRMED
    assert not answer.replayed
    assert (order.subtotal.amount_minor, order.discount_total.amount_minor, order.total.amount_minor) == (
        3599,
        360,
        3239,
    )
    assert order.payment.status == order_pb2.Payment.STATUS_AUTHORIZED
    assert [(line.sku, line.total_minor) for line in order.lines] == [("SERUM", 2340), ("CREAM", 899)]
    assert order.lines[0].allocations[0].location == "berlin"
    await shop.audit()
