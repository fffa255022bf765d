"""The faults, each injected while orders arrive."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

import httpx
import redis.asyncio

from tests.delivery.followers import Receiver
from tests.servers import Running
from tests.stack import Stack

ENDPOINTS = 1_000
AWAY_S = 3.0
"""Duration for which the broker or the receiver is unavailable."""


@dataclass(frozen=True, slots=True)
class Scene:
    """The parts of the product that a fault may use."""

    stack: Stack
    broker: Running
    receiver: Receiver


Fault: TypeAlias = Callable[[Scene], Awaitable[None]]


async def nothing(_scene: Scene) -> None:
    """No fault, for comparison."""


async def broker_killed(scene: Scene) -> None:
    """SIGKILL, and three seconds later a new, empty server."""
    scene.broker.kill()
    await asyncio.sleep(AWAY_S)
    await asyncio.to_thread(scene.broker.start)


async def broker_emptied(scene: Scene) -> None:
    """FLUSHALL: the streams, the groups and their positions are gone, and connections stay open."""
    async with redis.asyncio.Redis.from_url(scene.broker.url) as client:
        await client.flushall()


async def receiver_away(scene: Scene) -> None:
    """503 for three seconds; webhooks refused in that time are retried after five."""
    scene.receiver.leave()
    await asyncio.sleep(AWAY_S)
    scene.receiver.come_back()


def killed(child: str) -> Fault:
    """SIGKILL; the runner restarts the process."""

    async def fault(scene: Scene) -> None:
        pid = scene.stack.pid(child)
        if pid is not None:
            os.kill(pid, signal.SIGKILL)

    return fault


async def a_hundred_hang(scene: Scene) -> None:
    """A thousand more endpoints, every tenth of which never answers; then a sku that all of them follow."""
    receiver = scene.receiver
    async with httpx.AsyncClient(base_url=scene.stack.edge, headers=scene.stack.headers, timeout=60) as client:
        if not receiver.expected:
            for number in range(ENDPOINTS):
                path = f"/hang/{number}" if number % 10 == 0 else f"/works/{number}"
                body = {"url": f"http://127.0.0.1:{receiver.port}{path}", "topics": ["inventory.sku.changed"]}
                (await client.post("/v1/webhook-endpoints", json=body)).raise_for_status()
                if path.startswith("/works"):
                    receiver.expected[path] = 0
        sku = f"news-{max(receiver.expected.values())}"
        price = {"currency": "EUR", "amount_minor": 1}
        (await client.post("/v1/skus", json={"sku": sku, "name": sku, "price": price})).raise_for_status()
    for path in receiver.expected:
        receiver.expected[path] += 1


FAULTS: dict[str, Fault] = {
    "nothing": nothing,
    "broker killed, empty after 3 s": broker_killed,
    "broker emptied": broker_emptied,
    "inventory and its relay killed": killed("inventory"),
    "orders and their relay killed": killed("order"),
    "webhooks killed: consumer and senders": killed("webhook"),
    "promo killed: consumer": killed("promo"),
    "edge killed": killed("edge"),
    "Postgres killed": killed("postgres"),
    "receiver answers 503 for 3 s": receiver_away,
    "100 of 1,000 more endpoints hang": a_hundred_hang,
}
