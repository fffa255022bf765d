"""Currencies are those of ISO 4217, with its minor units; the edge documents and accepts the same set."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from chassis import money, validation
from chassis.errors import ServiceError
from edge.schemas.fields import Money

NO_MONEY = ("XAG", "XAU", "XBA", "XBB", "XBC", "XBD", "XDR", "XPD", "XPT", "XSU", "XTS", "XUA", "XXX")
"""On the list, but without minor units."""
LEFT_THE_LIST = ("ANG", "BGN", "CUC", "DEM", "HRK", "SLL", "ZWL")
NEVER_ON_THE_LIST = ("ZZZ", "eur", "EURO", "EU", "€", "EUR ", "ＥＵＲ")


def test_the_table_has_every_currency_of_the_edition_once() -> None:
    assert len(money.CODES) == len(set(money.CODES)) == 165
    assert all(len(code) == 3 and code.isascii() and code.isupper() for code in money.CODES)


@pytest.mark.parametrize(
    ("currency", "decimals"),
    [("EUR", 2), ("JPY", 0), ("XOF", 0), ("UYI", 0), ("KWD", 3), ("TND", 3), ("CLF", 4), ("UYW", 4), ("XCG", 2)],
)
def test_a_currency_has_the_decimals_of_the_list(currency: str, decimals: int) -> None:
    assert money.exponent(currency) == decimals


def test_amounts_are_read_with_their_decimals() -> None:
    assert money.readable("CLF", 123_456) == "CLF 12.3456"
    assert money.readable("BGN", 199) == "BGN 1.99"  # from a row that is older than the edition


@pytest.mark.parametrize("code", [*NO_MONEY, *LEFT_THE_LIST, *NEVER_ON_THE_LIST])
def test_what_is_not_a_currency_today_is_refused_with_its_path(code: str) -> None:
    with pytest.raises(ServiceError) as raised:
        validation.currency("sku.price.currency", code)
    assert (raised.value.reason, raised.value.metadata) == ("FIELD_INVALID", {"field": "sku.price.currency"})
    with pytest.raises(ValidationError):
        Money(currency=code, amount_minor=1)


def test_the_edge_documents_and_accepts_the_table() -> None:
    assert Money.model_json_schema()["properties"]["currency"]["enum"] == list(money.CODES)
    for code in money.CODES:
        assert validation.currency("currency", code) == Money(currency=code, amount_minor=1).currency
