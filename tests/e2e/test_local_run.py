"""`make run` as a whole: run.json is correct, dead processes are restarted, and no process stays behind."""

from __future__ import annotations

import json
import os
import signal
import stat
from collections.abc import Iterator

import httpx
import psycopg
import pytest

from chassis.local import shop, summary
from chassis.local.watchdog import alive
from tests import servers
from tests import stack as stacks
from tests.servers import wait_for
from tests.stack import Stack

CHILDREN = ("postgres", "redis", "inventory", "promo", "webhook", "order", "edge")
BACK_WITHIN_S = 30.0


def ready(stack: Stack) -> bool:
    try:
        return httpx.get(f"{stack.edge}/readyz", timeout=2).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


def test_the_file_names_every_process_and_only_its_owner_reads_it(stack: Stack) -> None:
    run = stack.run
    assert stat.S_IMODE((stack.local / "run.json").stat().st_mode) == 0o600
    assert set(run["databases"]) == {"inventory", "orders", "promo", "webhooks"}
    assert {"inventory", "order", "promo", "webhook"} <= set(run)
    assert all(alive(pid) for pid in run["pids"].values())
    assert ready(stack)


def test_the_databases_are_migrated(stack: Stack) -> None:
    for name in ("inventory", "orders", "promo", "webhooks"):
        with psycopg.connect(stack.database(name)) as connection:
            assert connection.execute("SELECT count(*) FROM alembic_version").fetchone() == (1,)


@pytest.fixture(scope="module")
def own() -> Iterator[Stack]:
    """A product with its small shop, which these tests may damage."""
    with stacks.running(SEED="on", BASE_PORT=str(stacks.free_base_port())) as running:
        yield running


def skus(stack: Stack) -> list[str]:
    answer = httpx.get(f"{stack.edge}/v1/skus", params={"page_size": 500}, headers=stack.headers, timeout=10)
    return [sku["sku"] for sku in answer.json()["skus"]]


def test_the_shop_is_filled_and_its_first_order_is_welcome(own: Stack) -> None:
    assert set(skus(own)) == {item.sku for item in shop.ITEMS}
    answer = httpx.post(
        f"{own.edge}/v1/orders",
        content=summary.ORDER,
        headers={**own.headers, "Idempotency-Key": "first-order", "Content-Type": "application/json"},
        timeout=10,
    )
    assert answer.status_code == httpx.codes.CREATED, answer.text
    assert answer.json()["state"] == "CONFIRMED"
    assert [discount["promotion_id"] for discount in answer.json()["discounts"]] == ["WELCOME10"]


def test_the_summary_names_broker_and_metrics_and_no_secret(own: Stack) -> None:
    assert "  Broker    Redis Streams in the same Redis, database 1\n" in own.output
    assert f"  Metrics   edge {own.run['metrics']['edge'][0]}, inventory " in own.output
    kept = json.loads((own.local / "kept.json").read_text())
    assert own.run["token"] in kept.values()
    assert not [name for name, value in kept.items() if isinstance(value, str) and value in own.output]


def test_one_base_port_puts_every_address_and_its_metrics_beside_another_run(own: Stack) -> None:
    base, metrics = int(own.environment["BASE_PORT"]), own.run["metrics"]
    assert own.edge == f"http://127.0.0.1:{base}"
    assert [own.address(service) for service in ("inventory", "order", "promo", "webhook")] == [
        f"127.0.0.1:{base + number}" for number in range(1, 5)
    ]
    assert [metrics[name] for name in ("edge", "inventory", "order", "promo", "webhook")] == [
        [f"127.0.0.1:{base + 100 + number}"] for number in range(5)
    ]
    for [address] in metrics.values():
        assert "build_info" in httpx.get(f"http://{address}/metrics", timeout=10).text


@pytest.mark.parametrize("name", CHILDREN)
def test_a_killed_child_comes_back_with_a_new_pid(own: Stack, name: str) -> None:
    before = own.pid(name)
    assert before is not None
    os.kill(before, signal.SIGKILL)
    wait_for(lambda: own.pid(name) not in (None, before), f"run.json has a new pid of {name}", BACK_WITHIN_S)
    wait_for(lambda: ready(own), "the edge is ready again", BACK_WITHIN_S)


def test_a_second_start_finds_its_data_and_its_addresses_again(own: Stack) -> None:
    before = own.run
    with psycopg.connect(own.run["database"], autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
    own.process.terminate()
    assert own.process.wait(stacks.STOP_WITHIN_S) == 0
    assert not (own.local / "run.json").exists()
    assert not any(alive(pid) for pid in before["pids"].values())
    with stacks.restarted(own) as again:
        assert {name: again.run[name] for name in ("database", "redis", "token")} == {
            name: before[name] for name in ("database", "redis", "token")
        }
        with psycopg.connect(again.run["database"]) as connection:
            assert connection.execute("SELECT number FROM kept").fetchone() == (7,)
        assert len(skus(again)) == len(shop.ITEMS)
        killed = again.run
        again.process.kill()
        again.process.wait()
    with stacks.restarted(again) as last:  # waits until the children of the killed runner have ended
        assert last.run["database"] == killed["database"]
        assert not any(alive(pid) for pid in killed["pids"].values())


def test_servers_of_ones_own_are_used_and_left_running() -> None:
    with servers.running_postgres() as database, servers.running_valkey() as gate:
        with stacks.running(DATABASE_URL=database.url, REDIS_URL=gate.url) as given:
            assert set(given.run["pids"]) == {"inventory", "promo", "webhook", "order", "edge"}
            assert (given.run["database"], given.run["redis"]) == (database.url, gate.url)
            assert ready(given)
        assert alive(database.process.pid)
        assert alive(gate.process.pid)
