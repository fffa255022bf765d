"""Each process's copy of all promotions: one query for many callers, and never older than its bound."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from chassis import client
from chassis.db import Database
from gen.promo.v1.promotion_service_pb2_grpc import PromotionServiceStub
from promo_svc.__main__ import Promo, running
from promo_svc.app import catalogue as catalogues
from promo_svc.app.catalogue import Catalogue
from promo_svc.config import Settings
from promo_svc.store import promotions
from tests.promo_svc import calls


@pytest.fixture(scope="module")
async def other(settings: Settings, process: Promo) -> AsyncIterator[PromotionServiceStub]:
    """A second process of the service, on the same database and gate."""
    async with running(settings) as second, client.connect(f"127.0.0.1:{second.server.port}") as channel:
        yield PromotionServiceStub(channel)
        await second.server.stop()


@pytest.fixture
async def catalogue(settings: Settings) -> AsyncIterator[Catalogue]:
    database = Database(settings.database_url)
    await database.open()
    yield Catalogue(database)
    await database.close()


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The revision that each query started from."""
    seen: list[int] = []
    read = promotions.changed_since

    async def counted(tx: Any, revision: int) -> Any:
        seen.append(revision)
        return await read(tx, revision)

    monkeypatch.setattr(promotions, "changed_since", counted)
    return seen


async def test_many_who_ask_at_once_share_one_query(
    promo: PromotionServiceStub, catalogue: Catalogue, reads: list[int]
) -> None:
    promotion_id = await calls.active(promo)
    reads.clear()
    snapshots = await asyncio.gather(*(catalogue.current() for _ in range(50)))
    assert reads == [0]
    assert all(promotion_id in snapshot.by_id for snapshot in snapshots)
    await catalogue.current()
    assert reads == [0]


async def test_a_refresh_reads_only_what_changed(
    promo: PromotionServiceStub, catalogue: Catalogue, reads: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await catalogue.current()
    promotion_id = await calls.active(promo)
    assert promotion_id not in (await catalogue.current()).by_id
    monkeypatch.setattr(catalogues, "FRESH_S", 0.0)
    after = await catalogue.current()
    assert promotion_id in after.by_id
    assert (reads[-1], after.revision) == (before.revision, before.revision + 2)


async def test_a_write_during_a_refresh_is_seen_by_the_next_reader(
    promo: PromotionServiceStub, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, reached, go_on = promotions.changed_since, asyncio.Event(), asyncio.Event()

    async def held(tx: Any, revision: int) -> Any:
        answer = await read(tx, revision)
        reached.set()
        await go_on.wait()
        return answer

    monkeypatch.setattr(promotions, "changed_since", held)
    early = asyncio.create_task(catalogue.current())
    await reached.wait()
    monkeypatch.setattr(promotions, "changed_since", read)
    promotion_id = await calls.active(promo)
    catalogue.forget()
    assert promotion_id in (await catalogue.current()).by_id
    go_on.set()
    assert promotion_id in (await early).by_id


async def test_what_one_process_activates_another_redeems_at_once(
    promo: PromotionServiceStub, other: PromotionServiceStub
) -> None:
    await calls.quoted(other)
    promotion_id = await calls.active(promo, usage_limit=3, customer_limit=1)
    await calls.redeemed(other, calls.new_id("order"), promotion_id, customer_id="c1")
    refused = await calls.refused(calls.redeemed(promo, calls.new_id("order"), promotion_id, customer_id="c1"))
    assert refused.reason == "CUSTOMER_LIMIT"
    await calls.assert_audit_holds(promo)


async def test_a_code_that_one_process_activates_is_quoted_by_another_at_once(
    promo: PromotionServiceStub, other: PromotionServiceStub
) -> None:
    await calls.quoted(other)
    promotion_id = await calls.active(promo, code="AT-ONCE")
    assert promotion_id in [applied.promotion_id for applied in (await calls.quoted(other, "AT-ONCE")).applied]


async def test_two_processes_share_every_limit(promo: PromotionServiceStub, other: PromotionServiceStub) -> None:
    promotion_id = await calls.active(promo, usage_limit=1_000, customer_limit=10)
    outcomes = await asyncio.gather(
        *(
            calls.redeemed(stub, calls.new_id("order"), promotion_id, customer_id="c1")
            for stub in (promo, other)
            for _ in range(50)
        ),
        return_exceptions=True,
    )
    assert sum(not isinstance(each, BaseException) for each in outcomes) == 10
    await calls.assert_audit_holds(promo)
