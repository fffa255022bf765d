"""An edge in this process, in front of a recording far side."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI

from chassis.services import NAMES
from edge import app
from edge.clients import Clients
from edge.config import Settings
from edge.push import services
from edge.push.hub import Hub
from edge.webhooks import standard
from tests.edge.far_side import FarSide

TOKEN = "test-token-0123456789-ABCDEFGHIJ"
TICKET_KEY = "a-key-of-tests-that-signs-tickets-only"
WEBHOOK_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
"""The secret of the specification's golden vector."""


def settings_for(address: str) -> Settings:
    """Settings whose services are one server."""
    addresses = dict.fromkeys(NAMES, address)
    return Settings("127.0.0.1", 0, TOKEN, TICKET_KEY, standard.keys(WEBHOOK_SECRET), addresses)


def idle_hub(clients: Clients) -> Hub:
    """A hub that was not started: it follows nothing."""
    return Hub(None, services.logs(clients), services.event_types())


@pytest.fixture(scope="session")
async def far_side_server() -> AsyncIterator[FarSide]:
    server = FarSide()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def far_side(far_side_server: FarSide) -> AsyncIterator[FarSide]:
    far_side_server.forget()
    await far_side_server.serving(True)
    yield far_side_server
    far_side_server.forget()


@pytest.fixture(scope="session")
async def application(far_side_server: FarSide) -> AsyncIterator[FastAPI]:
    settings = settings_for(far_side_server.address)
    clients = Clients(settings)
    yield app.create(settings, clients, idle_hub(clients))
    await clients.close()


@pytest.fixture
async def anonymous(application: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(application), base_url="http://edge") as client:
        yield client


@pytest.fixture
async def rest(anonymous: httpx.AsyncClient) -> httpx.AsyncClient:
    anonymous.headers["Authorization"] = f"Bearer {TOKEN}"
    return anonymous
