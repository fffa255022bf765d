"""Composition of `make demo`: import, traffic, settlement, audit. Exit code 1 if a line does not hold."""

from __future__ import annotations

import asyncio
import sys
import time

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from chassis import process
from chassis.errors import ServiceError
from tests.demo import audit, catalogue, config, plan, promotions, report
from tests.demo.bank import Bank
from tests.demo.evidence import Reader
from tests.demo.http_client import Pool
from tests.demo.load import Import, ImportRefusedError
from tests.demo.rush import sell_what_came_back
from tests.demo.services import Services
from tests.demo.settle import Settlement
from tests.demo.shop import Shop
from tests.demo.traffic import Traffic

RUSH_CONNECTIONS = 400
"""Requests of the rush that wait at the edge at once; the rest follow immediately."""


def main() -> int:
    """Runs the demo; 0 if all lines hold, 1 if one does not, 2 if it could not run."""
    console = Console()
    process.allow_many_connections()
    try:
        return asyncio.run(_demo(console, config.running(), config.settings()))
    except (config.ConfigError, ImportRefusedError, ServiceError) as stopped:
        console.print(f"make demo: {stopped}", markup=False, highlight=False, soft_wrap=True)
        return 2


async def _demo(console: Console, running: config.Running, settings: config.Settings) -> int:
    run = f"{int(time.time()):x}"
    console.print(f"run {run}, DEMO_SEED={settings.seed}, {settings.orders} orders, {settings.buyers} flash buyers")
    pools = Pool(running.edge, settings.clients * 2), Pool(running.edge, RUSH_CONNECTIONS)
    services = Services(running)
    try:
        return await _played(console, running, settings, run, pools, services)
    finally:
        await services.close()
        for pool in pools:
            await pool.close()


async def _played(
    console: Console,
    running: config.Running,
    settings: config.Settings,
    run: str,
    pools: tuple[Pool, Pool],
    services: Services,
) -> int:
    shop, rush_shop = Shop(pools[0], running.token), Shop(pools[1], running.token)
    reader = Reader(services, running.orders_database)
    settlement = Settlement(services, reader)
    goods = catalogue.read(f"FLASH-{run}")
    offers = promotions.named(run)
    traffic = Traffic((shop, rush_shop), Bank(shop, running.webhook_secret), services, run, offers.codes)
    with _progress(console) as progress:
        await _answers(pools[0], running.edge)
        await Import(shop, services, run, progress).all(goods)
        await promotions.offer(services, offers)
        await settlement.wait()  # work of earlier runs must not end in the middle of this one
        baseline = await reader.baseline([product.sku for product in (*goods.products, goods.flash)])
        wishes = plan.make(goods, settings.orders, settings.buyers, settings.seed)
        results = await traffic.play(wishes, settings.clients, settings.seconds, progress)
        waiting = progress.add_task("waiting until everything has settled", total=None)
        await settlement.wait()
        await sell_what_came_back(traffic, reader, settlement, goods.flash.sku)
        still_open = await settlement.wait(results.reported_by_bank, results.abandoned)
        progress.update(waiting, total=1, completed=1)
    results.sent_again = shop.troubles + rush_shop.troubles
    await promotions.withdraw(services, offers)
    evidence = await reader.evidence(baseline, goods.flash.sku, offers.ids, results.abandoned)
    lines = audit.judge(evidence, results, goods.flash.sku, goods.flash.units, still_open)
    report.show(console, results, evidence, lines)
    return 0 if all(line.holds for line in lines) else 1


async def _answers(pool: Pool, edge: str) -> None:
    """Fails with one clear line if run.json exists but no server listens."""
    try:
        await pool.send("GET", "/healthz", {}, b"", timeout_s=10)
    except OSError:
        raise config.ConfigError(f"no server responds at {edge}: is `make run` still running?") from None


def _progress(console: Console) -> Progress:
    columns = (TextColumn("{task.description:40}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console)


if __name__ == "__main__":
    sys.exit(main())
