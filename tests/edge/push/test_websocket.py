"""The real product, as a WebSocket client sees it."""

from __future__ import annotations

from tests.edge.push.live import Listener, listening
from tests.edge.push.shop import Shop
from tests.stack import Stack


async def test_a_change_of_stock_reaches_who_listens(stack: Stack, shop: Shop) -> None:
    sku = await shop.sku()
    async with listening(stack.edge, stack.run["token"], topics="stock") as listener:
        version = await shop.receive(sku, 5)
        await listener.until(lambda: seen(listener, sku, version), "the change")
        event = listener.events[-1]
    assert (event["type"], event["subject"]) == ("inventory.stock_level.changed", sku)
    assert event["data"]["level"]["available"] == 6


def seen(listener: Listener, sku: str, version: int) -> bool:
    """Whether this version of the level has arrived."""
    levels = [event["data"]["level"] for event in listener.events if "level" in event["data"]]
    return any((level["sku"], level["version"]) == (sku, version) for level in levels)
