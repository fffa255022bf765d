"""A real browser follows stock by WebSocket and by EventSource while the edge is killed and restarted."""

from __future__ import annotations

import asyncio
import itertools
import warnings
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from tests import stack as stacks
from tests.e2e import chromium
from tests.e2e.chromium import Page
from tests.e2e.pushing import changing, kill_edge
from tests.edge.push.shop import Shop
from tests.stack import Stack

ENOUGH = 60
WITHIN_S = 60.0
SOCKET = """
(() => {
  window.seen = []; window.opened = 0; let token = "";
  const note = message => {
    for (const event of message.events || []) seen.push([event.source, event.sequence, event.id]);
    token = message.token || message.heartbeat || (message.hello || message.reconnect || {}).token || token;
  };
  const open = () => {
    const after = token ? "&after=" + token : "";
    const socket = new WebSocket("%(ws)s/ws/inventory?topics=stock" + after, ["one-stock.v1", "ticket.%(ticket)s"]);
    socket.onopen = () => window.opened++;
    socket.onmessage = message => note(JSON.parse(message.data));
    socket.onclose = () => setTimeout(open, 200);
  };
  open();
})()
"""
STREAM = """
(() => {
  window.seen = []; window.opened = 0;
  const source = new EventSource("%(http)s/v1/inventory/stream?topics=stock&ticket=%(ticket)s");
  source.onopen = () => window.opened++;
  source.onmessage = message => {
    const event = JSON.parse(message.data);
    seen.push([event.source, event.sequence, event.id]);
  };
})()
"""


@pytest.fixture(scope="module")
def mortal() -> Iterator[Stack]:
    """A product whose edge may be killed."""
    with stacks.running() as running:
        yield running


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    found = chromium.installed()
    if found is None:
        warnings.warn("NO CHROMIUM HERE: push is not checked in a real browser", stacklevel=1)
        pytest.skip("NO CHROMIUM HERE: install it to check push in a real browser")
    async with chromium.page(found) as opened:
        yield opened


@pytest.mark.parametrize("script", [SOCKET, STREAM], ids=["WebSocket", "EventSource"])
async def test_a_browser_sees_every_change_once_across_a_restart(mortal: Stack, page: Page, script: str) -> None:
    shop = Shop(mortal)
    await shop.open()
    ticket = await shop.ticket(topics=["stock"])
    places = {"http": mortal.edge, "ws": mortal.edge.replace("http", "ws", 1), "ticket": ticket}
    async with changing(mortal, shop):
        await page.evaluate(script % places)
        before = await seen(page, ENOUGH)
        await kill_edge(mortal)
        events = await seen(page, len(before) + ENOUGH)
        assert await page.evaluate("window.opened") >= 2
    await shop.close()
    positions = [position for source, position, _ in events if source == "/inventory"]
    steps = {late - early for early, late in itertools.pairwise(positions)}
    assert steps == {1}, "a gap or a repeat"
    assert len({id_ for _, _, id_ in events}) == len(events)


async def seen(page: Page, least: int) -> list[Any]:
    """The events that the page has received, once there are enough."""
    async with asyncio.timeout(WITHIN_S):
        while len(found := await page.evaluate("window.seen")) < least:
            pass
    return list(found)
