"""Any sequence of calls to the inventory service, interrupted at any point, leaves the books in the model's state."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import structlog
from hypothesis.stateful import run_state_machine_as_test

from tests import databases
from tests.property.buyers import Buyers
from tests.property.example import Runner
from tests.property.faults import Faults
from tests.property.hands import Hands
from tests.property.profile import chosen

GATE_DATABASE = 9
"""A separate Redis database: it is flushed repeatedly."""
ANSWERS = {
    "ReserveStock",
    "ReserveStock again",
    "ReserveStock INSUFFICIENT_STOCK",
    "ReserveStock REQUEST_ID_REUSED",
    "ReserveStock RESERVATION_ABORTED",
    "CommitReservation",
    "CommitReservation again",
    "CommitReservation RESERVATION_NOT_FOUND",
    "CommitReservation RESERVATION_OWNED_BY_ANOTHER",
    "ReleaseReservation",
    "ExtendReservation",
    "FulfillReservation",
    "CancelReservation",
    "CancelReservation RESERVATION_OWNED_BY_ANOTHER",
    "AdjustStock",
    "SetStock",
    "ReceiveStock again",
}


class StockMachine(Buyers, Hands, Faults):
    """All rules together."""


@pytest.fixture
def runner(new_database: Callable[[str], str], valkey_url: str) -> Iterator[Runner]:
    """A fresh database and an empty gate for all examples; each has its own skus and ids."""
    loud = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50), cache_logger_on_first_use=False)
    made = Runner(new_database("inventory"), databases.emptied(valkey_url, GATE_DATABASE))
    yield made
    made.close()
    structlog.configure(**loud)


def test_whatever_is_asked_in_whatever_order_the_books_are_the_models(runner: Runner) -> None:
    run_state_machine_as_test(lambda: StockMachine(runner), settings=chosen())  # type: ignore[arg-type]
    assert set(runner.seen) >= ANSWERS, "an answer that was never given was not tested"
