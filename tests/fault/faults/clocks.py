"""Time faults: commits at the moment of expiry, and a host whose clock is ten minutes off."""

from __future__ import annotations

import dataclasses
import signal

from tests.fault import config
from tests.fault.faults.fault import fault
from tests.fault.journeys import Spec
from tests.fault.ledger import Ledger
from tests.fault.scene import Scene

OFF_S = 600


def _at_the_edge(spec: Spec) -> Spec:
    return dataclasses.replace(spec, at_the_edge=True, ttl_s=1, weights=(0.8, 0.2, 0.0, 0.0))


@fault("expire-against-commit", wave="time", healed="at once: nothing was broken", load=_at_the_edge, short=True)
async def expire_against_commit(scene: Scene) -> None:
    """Every commit and release arrives within half a second of the moment at which its reservation expires."""
    scene.afterwards.append(lambda ledger: _both_ways(scene, ledger))


def _both_ways(scene: Scene, ledger: Ledger) -> None:
    committed, expired = ledger.outcomes["commit OK"], ledger.outcomes["commit RESERVATION_EXPIRED"]
    scene.told.append(f"{committed} commits were in time, {expired} too late")
    scene.expect(bool(committed and expired), "only one side ever won")


def _impatient(spec: Spec) -> Spec:
    """Few clients repeat their requests, so that the sweeper must find what a crash left in the gate, by its own clock."""
    return dataclasses.replace(spec, impatient=0.8)


async def _with_clock_off(scene: Scene, seconds: int) -> None:
    """Starts a process with a wrong clock and kills it between gate and journal; its successor has the right time."""
    service = scene.inventory
    service.set(config.CLOCK_VARIABLE, str(seconds))
    service.ended.clear()
    service.send(signal.SIGKILL)
    await service.ended.wait()
    await scene.more_answers(scene.settings.rate)
    service.set(config.CLOCK_VARIABLE, "0")
    await scene.kill_at("inventory", "gate-before-journal")


@fault(
    "clock-ahead",
    wave="clock-ahead",
    healed="at the death of the process with the wrong time",
    load=_impatient,
)
async def ahead(scene: Scene) -> None:
    """The service's wall clock is ten minutes ahead until it dies between gate and journal."""
    await _with_clock_off(scene, OFF_S)


@fault("clock-behind", wave="clock-behind", healed="at the death of the process with the wrong time", load=_impatient)
async def behind(scene: Scene) -> None:
    """The service's wall clock is ten minutes behind until it dies between gate and journal."""
    await _with_clock_off(scene, -OFF_S)
