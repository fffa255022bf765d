"""Probes, metrics and the documentation."""

from __future__ import annotations

import httpx
import pytest

from edge import app, middleware
from edge.clients import Clients
from tests.edge.conftest import TOKEN, idle_hub, settings_for
from tests.edge.far_side import FarSide


async def test_the_edge_is_ready_while_every_service_serves(rest: httpx.AsyncClient, far_side: FarSide) -> None:
    answer = await rest.get("/readyz")
    assert answer.status_code == 200
    serving = {"inventory": "SERVING", "order": "SERVING", "promo": "SERVING", "webhook": "SERVING"}
    assert answer.json() == {"status": "ready", "services": serving}
    await far_side.serving(False)
    answer = await rest.get("/readyz")
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
    assert answer.json()["reason"] == "DEPENDENCY_UNAVAILABLE"
    assert answer.json()["metadata"]["order"] == "NOT_SERVING"


async def test_the_edge_is_alive_but_not_ready_without_its_services() -> None:
    settings = settings_for("127.0.0.1:1")  # no server listens there
    clients = Clients(settings)
    transport = httpx.ASGITransport(app.create(settings, clients, idle_hub(clients)))
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://edge", headers=headers) as client:
        assert (await client.get("/healthz")).status_code == 200
        ready = await client.get("/readyz")
        assert (ready.status_code, ready.json()["metadata"]["promo"]) == (503, "UNREACHABLE")
        called = await client.get("/v1/locations")
        assert (called.status_code, called.json()["reason"]) == (503, "DEPENDENCY_UNAVAILABLE")
        assert called.headers["retry-after"] == "1"
        assert "127.0.0.1" not in called.text
    await clients.close()


async def test_requests_are_counted_by_route_template_and_never_by_path(
    rest: httpx.AsyncClient, far_side: FarSide
) -> None:
    await rest.get("/v1/skus/A%2F1")
    await rest.get("/v1/no/such/path")
    await rest.request("BREW", "/v1/orders")
    metrics = (await rest.get("/metrics")).text
    assert 'edge_requests_total{method="GET",route="/v1/skus/{sku}",status="200"}' in metrics
    assert 'edge_request_seconds_count{method="GET",route="/v1/skus/{sku}"}' in metrics
    assert 'route="unmatched",status="404"' in metrics
    assert 'method="OTHER"' in metrics
    assert "edge_requests_in_flight 1.0" in metrics
    assert "no/such" not in metrics


async def test_a_stampede_is_refused_at_the_door(
    rest: httpx.AsyncClient, far_side: FarSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(middleware, "MOST_IN_FLIGHT", 0)
    answer = await rest.get("/v1/locations")
    assert (answer.status_code, answer.json()["reason"]) == (503, "OVERLOADED")
    assert answer.headers["retry-after"] == "1"
    assert not far_side.calls


async def test_metrics_are_not_for_the_public(anonymous: httpx.AsyncClient, far_side: FarSide) -> None:
    assert (await anonymous.get("/metrics")).status_code == 401
