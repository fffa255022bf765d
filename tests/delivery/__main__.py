"""`make delivery`: its order of work, from top to bottom."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import httpx
import orjson
from rich.console import Console
from rich.table import Table

from tests import servers
from tests import stack as stacks
from tests.delivery import config
from tests.delivery.faults import FAULTS, Fault, Scene
from tests.delivery.followers import Follower, Receiver
from tests.delivery.judge import ORDERED, Judge, Verdict
from tests.delivery.load import Load
from tests.stack import Stack

STRIKES = 3
"""Number of times that a fault occurs while orders arrive."""
SKUS = 20
PAUSE_S = 0.1
"""Pause between one buyer's orders: about fifty orders a second, a thousand events."""
PATH = Path(__file__).parent / "results" / "latest.json"
COLUMNS = ("events", "missing", "twice", "disordered", "repeats", "seconds")


async def endpoints(stack: Stack, receiver: Receiver) -> dict[str, str]:
    """Creates two endpoints that follow everything, one of them in order per key; returns their paths by id."""
    made: dict[str, str] = {}
    async with httpx.AsyncClient(base_url=stack.edge, headers=stack.headers, timeout=30) as client:
        for path, ordered in (("/any", False), (ORDERED, True)):
            body = {"url": f"http://127.0.0.1:{receiver.port}{path}", "topics": ["*"], "ordered": ordered}
            answer = await client.post("/v1/webhook-endpoints", json=body)
            answer.raise_for_status()
            made[answer.json()["endpoint_id"]] = path
    return made


async def judged(name: str, number: int, fault: Fault, seconds: float) -> Verdict:
    """Runs a separate product with `seconds` of orders and the fault three times, and judges the result."""
    with servers.running_valkey() as broker, stacks.running(BROKER_URL=broker.url, WEBHOOK_ALLOW_PRIVATE="on") as stack:
        async with Receiver() as receiver:
            load = Load(stack, f"d{number}", PAUSE_S)
            follower = Follower(stack.edge, str(stack.run["token"]))
            following = asyncio.create_task(follower.run())
            await load.stock(SKUS)
            await follower.connected.wait()
            made = await endpoints(stack, receiver)
            judge = Judge(stack)
            running = asyncio.create_task(load.run())
            began = time.monotonic()
            for strike in range(STRIKES):
                await asyncio.sleep(max(0.0, began + seconds * (strike + 0.5) / STRIKES - time.monotonic()))
                await fault(Scene(stack, broker, receiver))
            await asyncio.sleep(max(0.0, began + seconds - time.monotonic()))
            await load.stop()
            await running
            settled_s = await judge.settled(follower, receiver, list(made))
            verdict = judge.verdict(follower, receiver, made, load.placed, settled_s)
            following.cancel()
            await load.close()
    return verdict


def show(console: Console, verdicts: Mapping[str, Verdict]) -> None:
    """The table."""
    table = Table("fault", *COLUMNS)
    for name, verdict in verdicts.items():
        row = asdict(verdict)
        table.add_row(
            name, *(f"{row[column]:,.1f}" if column == "seconds" else f"{row[column]:,}" for column in COLUMNS)
        )
    console.print(table)


def main() -> int:
    """`python -m tests.delivery`"""
    console = Console()
    settings = config.load()
    verdicts: dict[str, Verdict] = {}
    for number, (name, fault) in enumerate(FAULTS.items()):
        if settings.only not in name:
            continue
        console.print(f"{name} ...", style="dim")
        verdicts[name] = asyncio.run(judged(name, number, fault, settings.seconds))
        console.print(f"{name}: {verdicts[name]}", style="dim", highlight=False)
    show(console, verdicts)
    if not settings.only:
        PATH.parent.mkdir(exist_ok=True)
        document = {name: asdict(verdict) for name, verdict in verdicts.items()}
        PATH.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    clean = all(not (one.missing or one.twice or one.disordered) for one in verdicts.values())
    return 0 if clean else 1


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())
