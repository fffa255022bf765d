"""Security headers for browsers on every answer; documentation that can be switched off."""

from __future__ import annotations

from dataclasses import replace

import httpx
import pytest

from edge import app
from edge.clients import Clients
from tests.edge.conftest import TOKEN, idle_hub, settings_for
from tests.edge.far_side import FarSide

AUTHORIZED = {"Authorization": f"Bearer {TOKEN}"}


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/locations", 200),
        ("/v1/nothing", 404),
        ("/healthz", 200),
        ("/docs", 200),
        ("/v1/inventory/stream?topics=x", 422),
    ],
)
async def test_every_answer_has_them(rest: httpx.AsyncClient, far_side: FarSide, path: str, status: int) -> None:
    answer = await rest.get(path)
    assert answer.status_code == status
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["cache-control"] == "no-store"
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert "unsafe" not in answer.headers["content-security-policy"] or path == "/docs"
    assert "strict-transport-security" not in answer.headers


async def test_a_refused_caller_gets_them_too(anonymous: httpx.AsyncClient, far_side: FarSide) -> None:
    answer = await anonymous.get("/v1/orders")
    assert (answer.status_code, answer.headers["cache-control"]) == (401, "no-store")


@pytest.mark.parametrize(("hsts", "url"), [(True, "http://edge"), (False, "https://edge")])
async def test_who_comes_by_tls_is_to_come_by_tls_again(far_side: FarSide, hsts: bool, url: str) -> None:
    settings = replace(settings_for(far_side.address), hsts=hsts)
    clients = Clients(settings)
    transport = httpx.ASGITransport(app.create(settings, clients, idle_hub(clients)))
    async with httpx.AsyncClient(transport=transport, base_url=url) as client:
        assert (await client.get("/healthz")).headers["strict-transport-security"] == "max-age=31536000"
    await clients.close()


async def test_documentation_can_be_switched_off(far_side: FarSide) -> None:
    settings = replace(settings_for(far_side.address), docs=False)
    clients = Clients(settings)
    transport = httpx.ASGITransport(app.create(settings, clients, idle_hub(clients)))
    async with httpx.AsyncClient(transport=transport, base_url="http://edge", headers=AUTHORIZED) as client:
        for path in ("/docs", "/docs/start.js", "/openapi.json"):
            assert (await client.get(path)).status_code == 404
        assert (await client.get("/healthz")).status_code == 200
    await clients.close()
