"""`/docs` in a real browser: it shows the operations, contacts no other host, and its policy refuses foreign content."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import httpx
import pytest

from edge.docs import FILES, POLICY
from tests.e2e import chromium
from tests.e2e.chromium import Page
from tests.stack import Stack

WITHIN_S = 30.0
OPERATIONS = "document.querySelectorAll('.opblock').length"
HOSTS = (
    "[...new Set(performance.getEntries().filter(one => /^https?:/.test(one.name)).map(one => new URL(one.name).host))]"
)
INLINE = """(() => {
  const script = document.createElement("script");
  script.textContent = "window.inlineRan = true";
  document.body.append(script);
  return window.inlineRan === true;
})()"""
ELSEWHERE = "fetch('%s').then(() => 'reached', () => 'refused')"


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    found = chromium.installed()
    if found is None:
        warnings.warn("NO CHROMIUM HERE: /docs is not checked in a real browser", stacklevel=1)
        pytest.skip("NO CHROMIUM HERE: install it to check /docs in a real browser")
    async with chromium.page(found) as opened:
        yield opened


async def test_the_documentation_shows_all_operations_and_asks_no_other_host(stack: Stack, page: Page) -> None:
    await page.evaluate(f"location.href = '{stack.edge}/docs'")
    async with httpx.AsyncClient(base_url=stack.edge) as client:
        document = (await client.get("/openapi.json")).json()
    operations = sum(len(path) for path in document["paths"].values())
    async with asyncio.timeout(WITHIN_S):
        while await page.evaluate(OPERATIONS) != operations:
            pass
    assert await page.evaluate(HOSTS) == [urlsplit(stack.edge).netloc]
    assert await page.evaluate(INLINE) is False
    other = f"http://{stack.address('inventory')}/"
    assert await page.evaluate(ELSEWHERE % other) == "refused"


async def test_the_page_and_its_files_are_open_and_named_by_nobody_else(stack: Stack) -> None:
    async with httpx.AsyncClient(base_url=stack.edge) as client:
        answer = await client.get("/docs")
        assert answer.headers["content-security-policy"] == POLICY
        assert "//" not in answer.text.replace("<!doctype html>", "")
        for name, media_type in FILES.items():
            loaded = await client.get(f"/docs/{name}")
            assert (loaded.status_code, loaded.headers["content-type"]) == (200, media_type)
            assert loaded.headers["cache-control"].startswith("public")
        assert (await client.get("/docs/other.js")).status_code == 401
