"""Recovery: when the product acknowledges again, and when nothing that the fault left behind remains."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import grpc
import psycopg
import redis

from chassis import client
from chassis.errors import ServiceError
from chassis.gate.keys import GateKeys
from gen.inventory.v1 import reservation_service_pb2, stock_service_pb2
from gen.inventory.v1.reservation_service_pb2_grpc import ReservationServiceStub
from gen.inventory.v1.stock_service_pb2_grpc import StockServiceStub
from tests import databases
from tests.fault import books
from tests.fault.cluster import Cluster
from tests.fault.shop import PROBE

HEALTHY_WITHIN_S = 120.0
PROBE_S = 1.0
POLL_S = 0.05
DRAIN_POLL_S = 0.5
STRANDED_AFTER_S = 90.0
"""Anything that is still out of place this long after the fault counts as stranded (I6)."""
KEYS = GateKeys("inv", 0)
AVAILABLE = """
SELECT key, on_hand - reserved - committed - unavailable + backorder_limit FROM stock_levels WHERE sku = ANY (%s)"""
ALONE = [("grpc.use_local_subchannel_pool", 1)]
"""A new channel each time: a channel that has failed waits before it reconnects."""


async def acknowledged(address: str, run: str, within_s: float = HEALTHY_WITHIN_S) -> float:
    """Asks for one unit until it is acknowledged; returns the monotonic time of that. TimeoutError."""
    deadline, number = time.monotonic() + within_s, 0
    while time.monotonic() < deadline:
        number += 1
        request = reservation_service_pb2.ReserveStockRequest(
            request_id=f"probe:{run}:{number}",
            lines=[reservation_service_pb2.ReserveLine(sku=PROBE, quantity=1)],
            ttl_seconds=1,
        )
        async with grpc.aio.insecure_channel(address, options=ALONE) as channel:
            stub: Any = ReservationServiceStub(channel)
            try:
                await client.call(stub.ReserveStock, request, PROBE_S)
            except ServiceError:
                await asyncio.sleep(POLL_S)
            else:
                return time.monotonic()
    raise TimeoutError(f"nothing was acknowledged for {within_s:g} s")


class Drain:
    """Waits until no work of the given loads is in flight; anything left after 90 s is stranded."""

    def __init__(self, cluster: Cluster, runs: Mapping[str, list[str]]) -> None:
        """`runs`: the skus of each load."""
        self._cluster = cluster
        self._runs = runs
        self._database = cluster.database("inventory")

    async def wait(self, until: float) -> dict[str, list[str]]:
        """Findings that are still open at the monotonic time `until`, by load, `` for the whole; empty if all is well."""
        while True:
            try:
                found = await self._open()
            except (ServiceError, psycopg.Error, redis.RedisError) as failed:
                found = {"": [f"no answer: {failed}"]}
            if not found or time.monotonic() > until:
                return found
            await asyncio.sleep(DRAIN_POLL_S)

    async def level(self, until: float) -> dict[str, list[str]]:
        """As `wait`, but only for the gate's numbers, which a rebuild would hide."""
        while True:
            found = {run: await asyncio.to_thread(self._drift, skus) for run, skus in self._runs.items()}
            found = {run: wrong for run, wrong in found.items() if wrong}
            if not found or time.monotonic() > until:
                return found
            await asyncio.sleep(DRAIN_POLL_S)

    async def _open(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for run, skus in self._runs.items():
            wrong = await asyncio.to_thread(self._of, run, skus)
            if wrong:
                found[run] = wrong
        if not found:
            whole = [*await self._audit(), *await asyncio.to_thread(self._relayed)]
            if whole:
                found[""] = whole
        return found

    def _of(self, run: str, skus: list[str]) -> list[str]:
        """Findings for one load, read by the test and not by the product."""
        wrong = []
        live = books.live(self._database, run)
        if live:
            wrong.append(f"{live} live reservations have no client that holds them")
        return wrong + self._drift(skus)

    def _drift(self, skus: list[str]) -> list[str]:
        """Differences between the numbers of gate and journal, read by the test."""
        wrong = []
        journal = dict(databases.read(self._database, AVAILABLE, skus))
        with redis.Redis.from_url(self._cluster.valkey.url, decode_responses=True) as server:
            raw: Any = server.get(KEYS.pointer)
            gate: Any = server.hmget(KEYS.available(int(raw or 0)), list(journal))
        for (key, expected), number in zip(journal.items(), gate, strict=True):
            if number is None or int(number) != expected:
                wrong.append(f"{key}: gate has {number}, journal has {expected}")
        return wrong

    async def _audit(self) -> list[str]:
        """Findings of the product's own audit of everything."""
        async with grpc.aio.insecure_channel(self._cluster.addresses["inventory"], options=ALONE) as channel:
            stub: Any = StockServiceStub(channel)
            audit = await client.call(stub.AuditStock, stock_service_pb2.AuditStockRequest(), 10.0)
        wrong = audit.gate_mismatches + audit.movement_mismatches + audit.reservation_mismatches + audit.lot_mismatches
        return [f"the audit finds {wrong}: {list(audit.examples)}"] if wrong else []

    def _relayed(self) -> list[str]:
        waiting = books.unpublished(self._database)
        return [f"{waiting} events are not published"] if waiting else []
