"""`make bench-push`: stock changes at a steady rate, and their delay to WebSocket clients and webhook receivers."""

from __future__ import annotations

import asyncio
import contextlib
import math
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, LiteralString

import httpx
import redis.asyncio
from rich.console import Console
from rich.table import Table

from tests import databases
from tests import stack as stacks
from tests.bench import messages, processor, results, shop
from tests.bench.clients import Clients
from tests.bench.load import Load, Slice, Window
from tests.bench.push import config, ears, servers
from tests.bench.push.config import Settings
from tests.bench.push.ears import Ears, Heard
from tests.bench.rows import RESERVE
from tests.stack import Stack

PATH = Path(__file__).parent.parent / "results" / "push.json"
COMMITS: LiteralString = """
SELECT DISTINCT event_time(created_at), extract(epoch FROM pg_xact_commit_timestamp(xmin))::float8 FROM stock_movements
 WHERE created_at > now() - interval '5 minutes' AND kind = 'RESERVE'"""
WARM_UP_S = 3.0
SETTLE_S = 2.0
"""Time in which the last changes may still arrive."""
REST_S = 15.0
"""Wait after a start: services poll more often at first, and Postgres writes its new data to disk."""


def groups(settings: Settings, listeners: int) -> list[str]:
    """The skus that each listener follows: each sku has one listener, so that each change is delivered once."""
    skus = [shop.sku(number) for number in range(settings.skus)]
    return [",".join(skus[first::listeners]) for first in range(listeners)]


@contextlib.asynccontextmanager
async def listening(listen: Any, *arguments: Any) -> AsyncIterator[tuple[Ears, Any]]:
    """Yields a listening process and the result of its start."""
    one = Ears(listen, *arguments)
    try:
        yield one, await one.opened()
    finally:
        one.close()


async def measured(
    settings: Settings, stack: Stack, number: int, all_ears: Sequence[Ears]
) -> tuple[list[Heard], dict[str, Any]]:
    """Reserves at the settings' rate while they listen. `number` differs between slices."""
    with contextlib.closing(Clients(1)) as clients:
        load = Load(
            "grpc", stack.address("inventory"), RESERVE, messages.reserve([shop.sku(n) for n in range(settings.skus)])
        )
        await clients.prepare(Slice(load, number, 1, 0, 1, settings.per_s))
        begin = time.monotonic() + WARM_UP_S
        loading = asyncio.create_task(clients.run(Window(begin, begin + settings.seconds)))
        await asyncio.sleep(begin - time.monotonic())
        for one in all_ears:
            await one.begin()
        pids = servers.pids(stack)
        used = processor.used_s(pids)
        [counted] = await loading
        used = {name: now - used[name] for name, now in processor.used_s(pids).items()}
        await asyncio.sleep(SETTLE_S)
    seconds = counted.last - begin
    facts = {
        "changes_per_s": round(len(counted.latencies) / seconds, 1),
        "failures": counted.failures,
        "cores": {name: round(cpu / seconds, 3) for name, cpu in used.items() if cpu / seconds >= 0.005},
    }
    return [await one.heard() for one in all_ears], facts


async def raw(settings: Settings, url: str) -> list[Heard]:
    """The ceiling: PUBLISH at the same rate to as many subscribers, without storage or filters."""
    rate = settings.per_s // settings.clients or 1
    async with listening(ears.channel_subscribers, url, settings.clients) as (one, _):
        async with redis.asyncio.Redis.from_url(url) as client:
            await one.begin()
            begin = time.monotonic()
            for number in range(int(rate * settings.seconds)):
                await asyncio.sleep(max(0.0, begin + number / rate - time.monotonic()))
                await client.publish(ears.CHANNEL, str(time.time()))
        return [await one.heard()]


async def idle(settings: Settings, stack: Stack) -> dict[str, float]:
    """Cores that each process uses without requests."""
    pids = servers.pids(stack)
    before = processor.used_s(pids)
    await asyncio.sleep(settings.idle_seconds)
    return {
        name: round((now - before[name]) / settings.idle_seconds, 4) for name, now in processor.used_s(pids).items()
    }


async def endpoints(stack: Stack, settings: Settings, port: int) -> None:
    """Registers the webhook endpoints, each for its own skus."""
    async with httpx.AsyncClient(base_url=stack.edge, headers=stack.headers, timeout=30) as client:
        for number, skus in enumerate(groups(settings, settings.endpoints)):
            answer = await client.post(
                "/v1/webhook-endpoints",
                json={
                    "url": f"http://127.0.0.1:{port}/{number}",
                    "topics": [ears.CHANGED],
                    "keys": skus.split(","),
                },
            )
            answer.raise_for_status()


def figures(heard: Sequence[Heard], seconds: float, committed: Callable[[str], float]) -> dict[str, Any]:
    """Delays and rates. `committed` returns the commit time of the change with this time."""
    late = sorted(arrived - committed(told) for each in heard for told, arrived in each.arrivals)
    if not late:
        raise SystemExit("no listener received anything")

    def percentile(share: float) -> float:
        return round(late[min(len(late) - 1, math.ceil(len(late) * share) - 1)] * 1000, 2)

    return {
        "told": len(late),
        "told_per_s": round(len(late) / seconds, 1),
        "p50_ms": percentile(0.5),
        "p99_ms": percentile(0.99),
        "most_ms": percentile(1.0),
        "listener_cores": round(sum(each.cpu_s for each in heard) / seconds, 3),
    }


def commits(stack: Stack) -> Callable[[str], float]:
    """Commit times by event time: events and movements of one transaction share one time, that of its begin."""
    rows = databases.read(stack.database("inventory"), COMMITS)
    found = dict(rows)
    return lambda told: float(found[told])


async def run(settings: Settings, stack: Stack, say: Callable[[str], None]) -> dict[str, Any]:
    """Every row, one after the other."""
    rows: dict[str, Any] = {}
    url = str(stack.run["redis"])
    say("raw pub/sub")
    rows["pubsub_raw"] = figures(await raw(settings, url), settings.seconds, float)
    websocket = stack.edge.replace("http", "ws", 1) + "/ws/inventory"
    filters = [f"skus={skus}" for skus in groups(settings, settings.clients)]
    clients = (ears.websocket_clients, websocket, str(stack.run["token"]), filters)
    say(f"{settings.clients} WebSocket clients")
    async with listening(*clients) as (sockets, _):
        heard, facts = await measured(settings, stack, 1, [sockets])
        rows["websocket"] = {**figures(heard, settings.seconds, commits(stack)), **facts}
    say(f"{settings.clients} WebSocket clients, {settings.endpoints} webhook endpoints")
    async with listening(*clients) as (sockets, _), listening(ears.webhook_receiver) as (receiver, port):
        await endpoints(stack, settings, port)
        heard, facts = await measured(settings, stack, 2, [sockets, receiver])
        committed = commits(stack)
        rows["websocket_beside_webhooks"] = {**figures(heard[:1], settings.seconds, committed), **facts}
        rows["webhook"] = figures(heard[1:], settings.seconds, committed)
    return rows


async def product(settings: Settings, stack: Stack, say: Callable[[str], None]) -> dict[str, Any]:
    """The cost of one idle product, then every row."""
    await asyncio.to_thread(servers.remember_commits, stack)
    await shop.fill(stack, settings.skus)
    say(f"no load for {settings.idle_seconds:g} s")
    await asyncio.sleep(REST_S)
    cores = await idle(settings, stack)
    rows = await run(settings, stack, say)
    return {"machine": results.machine(stack), "idle_cores": cores, "rows": rows}


def main() -> int:
    """`python -m tests.bench.push`"""
    console, settings = Console(), config.load()

    def say(text: str) -> None:
        console.print(text, style="dim", highlight=False)

    found = {}
    for name, environment in servers.environments().items():
        say(f"starting the product on {name} servers")
        with stacks.running(WEBHOOK_ALLOW_PRIVATE="on", **environment) as stack:
            found[name] = asyncio.run(product(settings, stack, say))
    for name, measured_ in found.items():
        console.print(_table(name, measured_))
        console.print(f"idle Postgres: {measured_['idle_cores']['postgres']:.2%} of a core", highlight=False)
    results.write({"settings": asdict(settings), **found.pop(servers.EMBEDDED), **found}, PATH)
    return 0


def _table(name: str, found: Mapping[str, Any]) -> Table:
    machine = found["machine"]
    title = f"{name}: PostgreSQL {machine['postgres']}, Redis or Valkey {machine['valkey']}"
    table = Table("", "told/s", "p50 ms", "p99 ms", "most ms", title=title, title_justify="left")
    for row, figures_ in found["rows"].items():
        table.add_row(row, *(f"{figures_[column]:,}" for column in ("told_per_s", "p50_ms", "p99_ms", "most_ms")))
    return table


if __name__ == "__main__":
    sys.exit(main())
