"""Bad input at both interfaces: the table's error with the field's path, and nothing changes in any database."""

from __future__ import annotations

import json
from dataclasses import dataclass

import orjson
import pytest

from tests import databases
from tests.e2e import bad_input
from tests.e2e.bad_input import Case
from tests.e2e.product import LOCATION, Product

CASES = list(bad_input.every())
COUNTED = """
SELECT format('SELECT %%L, count(*) FROM %%I', %s || '.' || tablename, tablename)
  FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'gate_adjustments' ORDER BY tablename"""
"""Adjustments are gone as soon as the gate has them; all else stays."""


@dataclass(frozen=True)
class Goods:
    """What the cases speak of."""

    known: str
    dollar: str

    def in_bytes(self, body: object) -> bytes:
        """The body with their names."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()  # orjson has no numbers beyond 64 bits
        for word, name in (("KNOWN", self.known), ("DOLLAR", self.dollar), ("HERE", LOCATION)):
            raw = raw.replace(f'"{word}"'.encode(), f'"{name}"'.encode())
        return raw


@pytest.fixture(scope="module")
async def goods(product: Product) -> Goods:
    """50 units of each."""
    return Goods(await product.stocked(50), await product.stocked(50, "USD"))


class Books:
    """How many rows each table of the three databases has."""

    def __init__(self, product: Product) -> None:
        self._counts: dict[str, str] = {}
        for name in ("inventory", "orders", "promo"):
            url = product.stack.database(name)
            self._counts[url] = " UNION ALL ".join(row[0] for row in databases.read(url, COUNTED, name))

    def read(self) -> dict[str, int]:
        """Now."""
        return {table: rows for url, query in self._counts.items() for table, rows in databases.read(url, query)}


@pytest.fixture(scope="module")
def books(product: Product) -> Books:
    """Of the shared product."""
    return Books(product)


@pytest.mark.parametrize("case", CASES, ids=[f"{case.path[4:]}: {case.what}" for case in CASES])
async def test_bad_input_over_rest_is_refused_with_its_path_and_changes_nothing(
    product: Product, goods: Goods, books: Books, case: Case
) -> None:
    before = books.read()
    answer = await product.send("POST", case.path, goods.in_bytes(case.body))
    problem = orjson.loads(answer.body)
    assert (answer.status, problem["reason"]) == (case.status, case.reason), problem
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["metadata"].get("field", "") == case.field, problem
    if case.status == 422:
        assert case.field in [wrong["field"] for wrong in problem["errors"]]
    assert books.read() == before
