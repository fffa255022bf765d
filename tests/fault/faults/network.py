"""Faults of a service that is stopped, or that cannot reach its database or its gate."""

from __future__ import annotations

import asyncio
import signal

from tests.fault.faults.fault import fault
from tests.fault.healing import acknowledged
from tests.fault.scene import Scene

STOPPED_S = 90.0
CUT_S = 60.0


@fault("service-stopped-90s", wave="stopped", healed="when the stopped process resumes", pause_s=STOPPED_S)
async def stopped(scene: Scene) -> None:
    """SIGSTOP between gate and journal; another process serves and sweeps, then the late journal write finds its ids ended."""
    await scene.stop_at("inventory", "gate-before-journal")
    second = await scene.cluster.another("inventory")
    try:
        await acknowledged(scene.cluster.addresses["inventory"], f"{scene.run}-2")
        await asyncio.sleep(scene.settings.pause_s(STOPPED_S))
    finally:
        scene.inventory.send(signal.SIGCONT)
        scene.healed()
        await scene.more_answers(scene.settings.rate / 2)
        await second.stop()


@fault("cut-from-postgres-60s", wave="cut", healed="when packets flow again", pause_s=CUT_S)
async def cut_from_postgres(scene: Scene) -> None:
    """Silence between the service and Postgres: no errors, and no data arrives until the silence ends."""
    await _silence(scene, "postgres:inventory")


@fault("cut-from-valkey-60s", wave="cut", healed="when packets flow again", pause_s=CUT_S)
async def cut_from_valkey(scene: Scene) -> None:
    """Silence between the service and Valkey."""
    await _silence(scene, "valkey")


@fault("postgres-connections-forgotten", wave="forgotten", healed="at once: new connections work", short=True)
async def forgotten(scene: Scene) -> None:
    """Every open connection to Postgres stays silent for good, as after a firewall lost its table."""
    scene.cluster.proxies["postgres:inventory"].forget()


@fault("valkey-connections-forgotten", wave="forgotten", healed="at once: new connections work")
async def forgotten_by_valkey(scene: Scene) -> None:
    """Every open connection to Valkey stays silent for good."""
    scene.cluster.proxies["valkey"].forget()


async def _silence(scene: Scene, name: str) -> None:
    proxy = scene.cluster.proxies[name]
    proxy.silence()
    await asyncio.sleep(scene.settings.pause_s(CUT_S))
    proxy.speak()
