"""Two skus that differ only in case are a mistake: the second is refused, for any caller and at any time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import psycopg
import pytest
from alembic import command
from alembic.config import Config

import inventory_svc
from chassis.db import Database
from chassis.errors import ServiceError
from chassis.migrate import create_database
from gen.common.v1.money_pb2 import Money
from gen.inventory.v1 import catalog_service_pb2 as pb
from gen.inventory.v1.sku_pb2 import Sku
from inventory_svc.domain import model
from inventory_svc.store import skus
from tests import databases
from tests.inventory_svc.calls import Stubs, call, new_id, refused

TRIES = 10
BEFORE_FORMS = "0004"
TWINS = "SELECT sku, twin FROM skus ORDER BY sku"


def _sku(sku: str) -> Sku:
    return Sku(sku=sku, name="Serum", price=Money(currency="EUR", amount_minor=1))


async def _create(inventory: Stubs, sku: str) -> None:
    await call(inventory.catalog.CreateSku, pb.CreateSkuRequest(request_id=new_id("r"), sku=_sku(sku)))


async def _upsert(inventory: Stubs, *names: str) -> pb.BatchUpsertSkusResponse:
    request = pb.BatchUpsertSkusRequest(request_id=new_id("r"), skus=[_sku(name) for name in names])
    answer: pb.BatchUpsertSkusResponse = await call(inventory.catalog.BatchUpsertSkus, request)
    return answer


async def _is_refused(attempt: asyncio.Future[object] | object, sku: str, existing: str, **more: str) -> None:
    error = await refused(attempt)
    assert (error.code, error.reason) == (grpc.StatusCode.ALREADY_EXISTS, "SKU_DIFFERS_ONLY_IN_FORM")
    assert dict(error.metadata) == {"sku": sku, "existing": existing, **more}


async def test_a_sku_that_differs_in_case_only_is_not_made(inventory: Stubs) -> None:
    sku = new_id("Case")
    await _create(inventory, sku)
    await _is_refused(_create(inventory, sku.lower()), sku.lower(), sku)
    await _is_refused(_upsert(inventory, new_id("OTHER"), sku.upper()), sku.upper(), sku)
    answer = await _upsert(inventory, sku)
    assert (answer.created, answer.updated) == (0, 1)


async def test_a_batch_may_not_spell_one_sku_in_two_cases(inventory: Stubs) -> None:
    sku = new_id("Batch")
    await _is_refused(_upsert(inventory, new_id("OTHER"), sku, sku.lower()), sku.lower(), sku, field="skus[2].sku")
    missing = await call(inventory.catalog.BatchGetSkus, pb.BatchGetSkusRequest(skus=[sku, sku.lower()]))
    assert list(missing.missing) == [sku, sku.lower()]


async def test_of_two_that_are_made_at_once_one_is_refused(inventory: Stubs) -> None:
    for _ in range(TRIES):
        sku = new_id("Race")
        found = await asyncio.gather(
            *(_create(inventory, name) for name in (sku, sku.upper(), sku.lower())), return_exceptions=True
        )
        reasons = sorted(error.reason if isinstance(error, ServiceError) else "" for error in found)
        assert reasons == ["", "SKU_DIFFERS_ONLY_IN_FORM", "SKU_DIFFERS_ONLY_IN_FORM"]


async def test_of_two_batches_at_once_that_spell_the_same_skus_otherwise_one_is_refused(inventory: Stubs) -> None:
    for _ in range(TRIES):
        names = [new_id("Crowd") for _ in range(20)]
        found = await asyncio.gather(
            _upsert(inventory, *names),
            _upsert(inventory, *(name.upper() for name in reversed(names))),
            return_exceptions=True,
        )
        reasons = sorted(each.reason if isinstance(each, ServiceError) else "" for each in found)
        assert reasons == ["", "SKU_DIFFERS_ONLY_IN_FORM"]


@pytest.fixture
def old_url(postgres_url: str) -> Iterator[tuple[str, Callable[[str], None]]]:
    """A database from before the rule, and a function that migrates it to a revision."""
    url = databases.named(postgres_url, f"inventory_{new_id('forms').replace('-', '_')}")
    databases.drop(url)
    create_database(url)
    settings = Config()
    settings.set_main_option("script_location", str(Path(str(inventory_svc.__file__)).parent / "migrations"))
    settings.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    command.upgrade(settings, BEFORE_FORMS)
    yield url, lambda revision: command.upgrade(settings, revision)
    databases.drop(url)


async def test_skus_that_differ_in_case_only_survive_the_migration(
    old_url: tuple[str, Callable[[str], None]],
) -> None:
    url, upgrade = old_url
    with psycopg.connect(url, autocommit=True) as connection:
        for place, sku in enumerate(("case-1", "Case-1", "CASE-1", "alone")):
            connection.execute(
                "INSERT INTO skus (sku, name, currency, price_minor, created_at)"
                " VALUES (%s, 'x', 'EUR', 1, now() + %s * interval '1 second')",
                (sku, place),
            )
    upgrade("head")
    assert dict(databases.read(url, TWINS)) == {"case-1": False, "Case-1": True, "CASE-1": True, "alone": False}
    db = Database(url, size=1)
    await db.open()
    async with db.transaction() as tx:
        assert await skus.lookalike(tx, ["Case-1", "CASE-1", "case-1", "ALONE-2"]) is None
        assert await skus.lookalike(tx, ["cASE-1"]) == ("cASE-1", "case-1")
        for sku in ("case-1", "Case-1", "CASE-1"):
            assert (await skus.upsert(tx, model.Sku(sku, "new", "", "", "EUR", 2, {}, ""))).version == 2
    with pytest.raises(skus.FormTaken):
        async with db.transaction() as tx:
            await skus.upsert(tx, model.Sku("cASE-1", "new", "", "", "EUR", 2, {}, ""))
    await db.close()
