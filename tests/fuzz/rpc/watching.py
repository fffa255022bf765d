"""Observes the product while it is called: its log, its processes, its readiness."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import httpx
from grpc_health.v1 import health_pb2, health_pb2_grpc

from gen.inventory.v1.stock_service_pb2 import AuditStockRequest
from gen.inventory.v1.stock_service_pb2_grpc import StockServiceStub
from gen.promo.v1.promotion_service_pb2 import AuditUsageRequest
from gen.promo.v1.promotion_service_pb2_grpc import PromotionServiceStub
from tests.stack import Stack

PERIOD_S = 1.0
SUSPECT = re.compile(
    r"Traceback \(most recent call last\)|\brpc\.failed\b|\bedge\.failed\b|Task exception was never retrieved"
)
AROUND = 1_500
MOST_SILENCE_S = 5.0


SOUND_WITHIN_S = 90.0
"""The stock protocol's own time until gate and journal agree (I6): a live claim is checked once a minute."""
AUDIT_WITHIN_S = 20.0


async def unsound(channels: dict[str, grpc.aio.Channel]) -> str:
    """Counts in the audits of stock and usage that must be zero and stay above it; empty if there are none."""
    audits: list[tuple[Any, Any]] = [
        (StockServiceStub(channels["inventory"]).AuditStock, AuditStockRequest()),
        (PromotionServiceStub(channels["promo"]).AuditUsage, AuditUsageRequest()),
    ]
    wrong = [await _mismatches(audit, request) for audit, request in audits]
    return ", ".join(one for one in wrong if one)


async def _mismatches(audit: Any, request: Any) -> str:
    until = time.monotonic() + SOUND_WITHIN_S
    while True:
        answer = await audit(request, timeout=AUDIT_WITHIN_S)
        counts = {field.name: value for field, value in answer.ListFields() if field.name.endswith("_mismatches")}
        if not counts:
            return ""
        if time.monotonic() > until:
            return f"{counts}: {list(answer.examples)}"
        await asyncio.sleep(PERIOD_S)


class Watch:
    """Reports problems that a call cannot see."""

    def __init__(self, stack: Stack, channels: dict[str, grpc.aio.Channel]) -> None:
        self._stack = stack
        self._channels = channels
        self._pids = dict(stack.run["pids"])
        self._read = len(stack.output)

    async def run(self, report: Callable[[str], None]) -> None:
        """Checks repeatedly."""
        while True:
            await self.look(report)
            await asyncio.sleep(PERIOD_S)

    async def look(self, report: Callable[[str], None]) -> None:
        """Checks once."""
        pids = dict(self._stack.run["pids"])
        for name, pid in self._pids.items():
            if pids.get(name) != pid:
                report(f"the process of {name} was {pid} and is {pids.get(name)}")
        self._pids = pids
        output = self._stack.output
        for found in SUSPECT.finditer(output, self._read):
            report(f"the log has:\n{output[max(0, found.start() - 300) : found.start() + AROUND]}")
            break  # one at a time: the next check continues after it
        self._read = len(output)
        for name, channel in self._channels.items():
            await self._healthy(name, channel, report)
        await self._edge(report)

    async def _healthy(self, name: str, channel: grpc.aio.Channel, report: Callable[[str], None]) -> None:
        check: Callable[..., Awaitable[health_pb2.HealthCheckResponse]] = health_pb2_grpc.HealthStub(channel).Check
        try:
            answer = await check(health_pb2.HealthCheckRequest(), timeout=MOST_SILENCE_S)
            if answer.status != health_pb2.HealthCheckResponse.SERVING:
                report(f"{name} reports that it is not ready")
        except grpc.aio.AioRpcError as error:
            report(f"{name} does not report its health: {error.code().name}")

    async def _edge(self, report: Callable[[str], None]) -> None:
        try:
            async with httpx.AsyncClient(timeout=MOST_SILENCE_S) as client:
                answer = await client.get(f"{self._stack.edge}/readyz")
            if answer.status_code != httpx.codes.OK:
                report(f"the edge is not ready: {answer.text[:300]}")
        except httpx.HTTPError as error:
            report(f"the edge does not answer: {error!r}")
