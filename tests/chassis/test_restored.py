"""The command that an operator runs between a restore and the start."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from chassis import restored
from chassis.events.outbox import ID_JUMP
from tests import databases

PUT = "INSERT INTO outbox (type, key, payload) VALUES ('x', 'k', '{}')"


@pytest.mark.parametrize(
    ("name", "has_gate"), [("inventory", True), ("promo", True), ("orders", False), ("webhooks", False)]
)
def test_no_number_is_given_again_and_the_gate_is_forgotten(
    new_database: Callable[[str], str], name: str, has_gate: bool
) -> None:
    url = new_database(name)
    databases.write(url, PUT)
    databases.write(url, "UPDATE outbox SET position = 7, published_at = now()")
    databases.write(url, "UPDATE event_log SET position = 7, sent = 5")
    if has_gate:
        databases.write(url, "INSERT INTO gate (partition, epoch, run_id) VALUES (0, 5, 'run')")
    assert restored.note_restore(url) is has_gate
    databases.write(url, PUT)
    [(position, sent)] = databases.read(url, "SELECT position, sent FROM event_log")
    assert (position, sent) == (7 + ID_JUMP, 7 + ID_JUMP)
    [(first, place), (second, _)] = databases.read(url, "SELECT id, position FROM outbox ORDER BY id")
    assert second > first + ID_JUMP
    assert place is None  # it was numbered and perhaps not sent
    if has_gate:
        assert databases.read(url, "SELECT count(*) FROM gate") == [(0,)]


def test_a_repeat_is_harmless(new_database: Callable[[str], str]) -> None:
    url = new_database("inventory")
    for _ in range(3):
        restored.note_restore(url)
    [(position,)] = databases.read(url, "SELECT position FROM event_log")
    assert position == 3 * ID_JUMP
