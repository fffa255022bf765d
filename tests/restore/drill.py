"""One drill: orders, a backup under load, more orders, stop, restore, start, then the audit that finds and repairs."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from chassis.local.config import ROOT
from tests import config, databases, stack
from tests.restore import servers
from tests.restore.servers import Backups
from tests.restore.shop import Shop
from tests.stack import Stack

HEALED_WITHIN_S = 10.0
"""The promise: after the start no level is wrong for longer."""
AUDIT_S = 300.0
FINDING = re.compile(r"^ +(OPEN|REPAIRED|GONE) +(\S+)/(\w+):", re.MULTILINE)
AGED = (
    ("orders", "UPDATE orders SET updated_at = updated_at - interval '2 minutes'"),
    ("inventory", "UPDATE reservations SET created_at = created_at - interval '2 minutes'"),
)
"""Makes the backup two minutes old: changes of the last minute are not judged, and a drill need not wait for that."""


@dataclass(frozen=True)
class Result:
    """The result of one drill."""

    backup: str
    lost: int
    """Orders that were confirmed after the backup."""
    wrong: int
    """Levels that were wrong when the restored product had started."""
    healed_s: float
    found: int
    open: int
    repaired: int
    left: int
    """Findings of a second audit."""
    sound: bool
    """Whether every line of the second audit holds."""


async def play(one_instant: bool, before: int, during: int, after: int, noted: bool = True) -> Result:
    """Places `before` orders, `during` more while the backup runs, `after` more; then restores.

    Without `noted` the product gets no notice of the restore: services and gate must detect it.
    """
    with servers.running() as (backups, valkey):
        environment = {
            "DATABASE_URL": backups.running.url,
            "REDIS_URL": valkey.url,
            "BROKER_URL": databases.named(valkey.url, "1"),
        }
        with stack.running(**environment) as product:
            backup, lost = await _backup_under_orders(product, backups, one_instant, before, during, after)
            product.process.terminate()
            product.process.wait(stack.STOP_WITHIN_S)
            if one_instant:
                backups.restore_instant(backup)
            else:
                backups.restore_dumps(backup)
            if noted:  # as in docs/operations/backup-restore.md; without it the gate notices by itself
                run("chassis.restored", product, **environment)
                databases.emptied(valkey.url, 1)
            for database, statement in AGED:
                databases.write(databases.named(backups.running.url, database), statement)
            with stack.restarted(product) as again:
                return await _started(again, "one instant" if one_instant else "four dumps", lost)


async def _backup_under_orders(
    product: Stack, backups: Backups, one_instant: bool, before: int, during: int, after: int
) -> tuple[Path, int]:
    shop = Shop(product)
    await shop.fill()
    async with shop.under_orders("drill"):
        await shop.bought(before)
        taken = asyncio.create_task(asyncio.to_thread(backups.of_one_instant if one_instant else backups.dumps))
        await shop.bought(during)
        backup = await taken
        known = shop.confirmed
        await shop.bought(after)
        return backup, shop.confirmed - known


async def _started(product: Stack, backup: str, lost: int) -> Result:
    shop = Shop(product)
    wrong, _ = await shop.wrong_levels()
    healed_s = await shop.healed_after_s(HEALED_WITHIN_S)
    first = await asyncio.to_thread(audit, product, repair=False)
    second = await asyncio.to_thread(audit, product, repair=True)
    third = await asyncio.to_thread(audit, product, repair=False)
    states = [state for state, _, _ in FINDING.findall(second.stdout)]
    return Result(
        backup,
        lost,
        wrong,
        healed_s,
        len(FINDING.findall(first.stdout)),
        states.count("OPEN"),
        states.count("REPAIRED"),
        len(FINDING.findall(third.stdout)),
        third.returncode == 0,
    )


def audit(product: Stack, repair: bool) -> subprocess.CompletedProcess[str]:
    """`make audit`, with REPAIR=1 if `repair` is set."""
    result = run("chassis.local.audit", product, REPAIR="1" if repair else "")
    print(result.stdout[-1_500:], result.stderr[-1_500:])
    return result


def run(program: str, product: Stack, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs a program of the product, in this process's environment."""
    known = {**config.load().environment, **product.environment, "LOCAL_DIR": str(product.local)}
    return subprocess.run(  # noqa: S603 our own program
        [sys.executable, "-m", program],
        cwd=ROOT,
        env={**known, **environment},
        text=True,
        capture_output=True,
        timeout=AUDIT_S,
        check=False,
    )
