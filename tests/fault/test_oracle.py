"""The oracle must be able to fail: each promise broken once, in the database or in a client's answers."""

from __future__ import annotations

import dataclasses
from collections import Counter

import pytest

from tests.fault.books import Books, Row
from tests.fault.ledger import Entry
from tests.fault.oracle import Verdict, judge

STOCK = {"A": 5}
SOLD = Row("one", "COMMITTED", {"A": 3}, 1_000)
WELL = Books(
    {"one": SOLD},
    {"one": Counter(created=1, committed=1)},
    {"one": {"RESERVE": (3, 0), "COMMIT": (-3, 3)}},
    {"A": (5, 0, 3, 0, 0)},
)
BUYER = Entry("one", (("A", 3),), "commit", held=True, expires_ms=1_000, settled="COMMITTED", settle_asked=True)


def verdict(entry: Entry = BUYER, books: Books = WELL, stock: dict[str, int] = STOCK) -> Verdict:
    return judge([entry], stock, books)


def test_books_that_bear_out_what_was_said_are_clean() -> None:
    assert verdict().clean


def test_more_units_than_there_were_are_oversold() -> None:
    assert verdict(stock={"A": 2}).oversold


@pytest.mark.parametrize("row", [None, dataclasses.replace(SOLD, state="RELEASED")])
def test_an_acknowledged_sale_that_is_not_in_the_books_is_lost(row: Row | None) -> None:
    assert verdict(books=dataclasses.replace(WELL, rows={"one": row} if row else {})).lost == 1


def test_a_claim_that_ends_before_its_client_was_told_is_lost() -> None:
    assert verdict(dataclasses.replace(BUYER, expires_ms=2_000)).lost == 1


def test_other_goods_than_were_acknowledged_are_lost() -> None:
    assert verdict(dataclasses.replace(BUYER, lines=(("A", 2),))).lost == 1


def test_a_sale_that_its_client_never_asked_for_is_lost() -> None:
    assert verdict(dataclasses.replace(BUYER, settled="", settle_asked=False)).lost == 1


def test_an_unanswered_commit_may_have_been_done_or_not() -> None:
    assert verdict(dataclasses.replace(BUYER, settled="")).clean


def test_units_taken_for_somebody_who_was_refused_are_stranded() -> None:
    refused = Entry("one", (("A", 3),), "commit", refused="INSUFFICIENT_STOCK")
    kept = dataclasses.replace(WELL, rows={"one": dataclasses.replace(SOLD, state="EXPIRED")})
    assert verdict(refused, kept).stranded == 1


@pytest.mark.parametrize("events", [Counter(created=1), Counter(created=1, committed=2), Counter()])
def test_a_change_without_exactly_one_event_is_seen(events: Counter[str]) -> None:
    assert verdict(books=dataclasses.replace(WELL, events={"one": events})).events == 1


def test_a_reservation_that_gave_twice_is_seen() -> None:
    moves = {"one": {"RESERVE": (3, 0), "COMMIT": (-3, 3), "RELEASE": (-3, 0)}}
    assert verdict(books=dataclasses.replace(WELL, moves=moves)).oversold


def test_a_level_that_is_not_the_sum_of_its_reservations_is_seen() -> None:
    assert verdict(books=dataclasses.replace(WELL, levels={"A": (5, 1, 3, 0, 0)})).oversold
