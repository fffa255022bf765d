"""A short `make bench`: that it measures, prints and writes. No test asserts a speed."""

from __future__ import annotations

import io
from pathlib import Path

import orjson
import pytest
from rich.console import Console

from gen.inventory.v1 import reservation_service_pb2 as pb
from tests import stack as stacks
from tests.bench import growth, load, messages, report, results, rows, run
from tests.bench.config import ConfigError, Settings
from tests.bench.load import Load
from tests.bench.measurement import Measured
from tests.bench.rows import Row
from tests.bench.run import Line

ROWS = (
    *("echo", "evalsha_raw", "reserve_hot", "reserve_hot_half", "replay", "commit", "place_order_rest"),
    *("sql_guarded_update", "sql_guarded_same_promises"),
)
SMALL = Settings(seconds=0.2, rounds=1, rows=ROWS, clients=2, connections=2, skus=20)


async def test_a_run_measures_every_chosen_row_and_writes_it(tmp_path: Path) -> None:
    with stacks.running() as stack:
        lines = await run.run(SMALL, stack, lambda _text: None)
        found = results.document(SMALL, stack, lines)
    results.write(found, tmp_path / "results" / "latest.json")
    report.show(Console(quiet=True), lines)

    written = orjson.loads((tmp_path / "results" / "latest.json").read_bytes())
    assert tuple(written["rows"]) == ROWS
    assert written["machine"]["fsync"] == "on"
    for name, row in written["rows"].items():
        assert row["unexpected"] == {}, name
        assert min(row["ops_per_s"], row["p50_ms"], row["p99_ms"]) > 0, name


def test_the_table_fits_a_terminal_of_80_columns() -> None:
    measured = Measured(87_500.0, 329.6, 435.8, {"inventory": 12_345.0}, 1_234.0, {})
    lines = [Line(Row(name, "one-stock", "what it is", Load("grpc", "", "", ())), measured) for name in rows.names()]
    console = Console(width=80, file=io.StringIO(), force_terminal=False)
    report.show(console, lines)
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "…" not in shown
    assert all(name in shown for name in rows.names())
    assert max(map(len, shown.splitlines())) <= 80


async def test_stock_grows_and_the_gate_is_rebuilt_from_it() -> None:
    with stacks.running() as stack:
        found = await growth.run(SMALL, stack, lambda _text: None, sizes=(100, 200))
    assert [each["levels"] for each in found] == [100, 200, 200]
    assert [each["reservations"] for each in found] == [0, 0, growth.live(200)]
    assert min(min(each["rebuild_s"], each["gate_bytes"], each["reserve_spread_ops_per_s"]) for each in found) > 0


def test_each_call_has_an_id_of_its_own() -> None:
    one = Load("grpc", "", "", messages.reserve(["A", "B"]))
    bodies = {load.body(one, number, client, call) for number in (1, 2) for client in (0, 1) for call in range(5)}
    assert len(bodies) == 20


def test_a_prepared_id_is_used_once_by_each_template() -> None:
    one = Load("grpc", "", "", (b"0" + load.ID.encode(), b"1" + load.ID.encode()), calls_per_id=2)
    bodies = [load.body(one, 1, 1, call) for call in range(4)]
    assert [body[:1] for body in bodies] == [b"0", b"1", b"0", b"1"]
    assert bodies[0][1:] == bodies[1][1:] != bodies[2][1:] == bodies[3][1:]


def test_rows_are_named_once_and_in_order() -> None:
    assert len(set(rows.names())) == len(rows.names())


def test_half_of_a_row_needs_the_row() -> None:
    with pytest.raises(ConfigError, match="reserve_hot_half is half of reserve_hot"):
        run.check(Settings(rows=("reserve_hot_half",)))


def test_the_reservation_that_is_repeated_is_the_one_that_was_made() -> None:
    batch = pb.BatchReserveStockRequest.FromString(messages.reserve_batch(["A"])[0])
    assert [each.SerializeToString() for each in batch.requests] == list(messages.reserve_again("A"))
