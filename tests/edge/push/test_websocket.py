"""What a WebSocket client sees of the real product."""

from __future__ import annotations

from tests.edge.push.live import listening
from tests.edge.push.shop import Shop
from tests.stack import Stack


async def test_a_change_of_stock_reaches_who_listens(stack: Stack, shop: Shop) -> None:
    sku = await shop.sku()
    async with listening(stack.edge, stack.run["token"], topics="stock") as listener:
        version = await shop.receive(sku, 5)
        await listener.until(lambda: any(event["subject"] == sku for event in listener.events), "the change")
        event = next(event for event in listener.events if event["subject"] == sku)
    assert event["type"] == "inventory.stock_level.changed"
    assert event["data"]["level"]["version"] == version
    assert event["data"]["level"]["available"] == 6
