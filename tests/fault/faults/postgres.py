"""Faults of the journal: its server dies, its replies to commits are lost, one row of a batch is bad."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Any

import grpc
import psycopg

from chassis import client
from gen.inventory.v1 import reservation_service_pb2 as pb
from gen.inventory.v1.reservation_service_pb2_grpc import ReservationServiceStub
from tests.fault.faults.fault import fault
from tests.fault.journeys import Spec
from tests.fault.ledger import Entry, Ledger
from tests.fault.scene import Scene

CUT_SHARE = 0.05
CUTS = 40
BATCH = 300
TRIES = 40
PAUSE_S = 0.25
POISON = "ALTER TABLE reservations ADD CONSTRAINT poison_is_not_accepted CHECK (owner <> 'poison') NOT VALID"
ANTIDOTE = "ALTER TABLE reservations DROP CONSTRAINT poison_is_not_accepted"


@fault("postgres-killed", wave="postgres", healed="when the server responds again")
async def killed(scene: Scene) -> None:
    """kill -9 of the postmaster, and a start that recovers."""
    await asyncio.to_thread(scene.cluster.postgres.kill)
    for last in range(TRIES):
        try:
            await asyncio.to_thread(scene.cluster.postgres.start)
        except AssertionError:  # a backend outlived its postmaster for a moment, so that the next start is refused
            if last == TRIES - 1:
                raise
            await asyncio.sleep(PAUSE_S)
        else:
            return


@fault("commit-reply-cut", wave="postgres", healed="when no more replies are cut", short=True)
async def replies_cut(scene: Scene) -> None:
    """The request reaches Postgres, but its reply and its connection are lost: many commits with unknown outcome."""
    proxy = scene.cluster.proxies["postgres:inventory"]
    before = proxy.cut
    proxy.cut_share = CUT_SHARE
    await scene.comes_true(lambda: proxy.cut >= before + CUTS, f"{CUTS} replies are cut")
    proxy.cut_share = 0.0
    scene.healed()


def _with_poison(spec: Spec) -> Spec:
    return dataclasses.replace(spec, poisoned=0.005)


@fault("poison-row", wave="postgres", healed="when no more bad rows arrive", load=_with_poison, short=True)
async def poisoned(scene: Scene) -> None:
    """Rows that pass every check of the product but that the journal refuses, one in each full batch."""
    database = scene.cluster.database("inventory")
    await asyncio.to_thread(_execute, database, POISON)
    await scene.more_answers(scene.settings.rate / 2)
    async with grpc.aio.insecure_channel(scene.cluster.addresses["inventory"]) as channel:
        stub: Any = ReservationServiceStub(channel)
        for number in range(3):
            answer = await client.call(stub.BatchReserveStock, _batch(scene, number), 20.0)
            refused = [index for index, result in enumerate(answer.results) if result.code]
            scene.expect(refused == [BATCH // 2], f"refused rows of batches with one bad row each: {refused[:10]}")
    await asyncio.to_thread(_execute, database, ANTIDOTE)
    scene.healed()
    scene.afterwards.append(lambda ledger: _others_unharmed(scene, ledger))


def _batch(scene: Scene, number: int) -> pb.BatchReserveStockRequest:
    plenty = [sku for index, sku in enumerate(scene.goods.skus) if index % 4]
    return pb.BatchReserveStockRequest(
        requests=[
            pb.ReserveStockRequest(
                request_id=f"{scene.run}-batch-{number}-{index}",
                lines=[pb.ReserveLine(sku=plenty[index % len(plenty)], quantity=1)],
                owner="poison" if index == BATCH // 2 else "",
                ttl_seconds=5,
            )
            for index in range(BATCH)
        ]
    )


def _others_unharmed(scene: Scene, ledger: Ledger) -> None:
    """Clients without bad rows see no failure."""

    def harmed(entry: Entry) -> bool:
        return not entry.owner and not entry.held and (entry.refused != "INSUFFICIENT_STOCK" or bool(entry.unknown))

    hurt = [entry for entry in ledger.entries if harmed(entry)]
    scene.expect(not hurt, f"{len(hurt)} others were harmed, such as {hurt[:2]}")
    bad = sum(bool(entry.owner) for entry in ledger.entries)
    scene.told.append(f"{bad} bad rows in the load, in addition to one in each full batch")


def _execute(database: str, statement: Any) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(statement)
