"""Five times the load that can be served, and a new release while many customers buy."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from tests.fault.faults import kills
from tests.fault.faults.fault import fault
from tests.fault.healing import acknowledged
from tests.fault.journeys import Spec
from tests.fault.ledger import Entry, Ledger
from tests.fault.scene import Scene
from tests.fault.surge import Crowd, surge

TIMES = 5.0
SECONDS = 6.0
FEW, MANY = 4, 32
"""Connections. Few is how services call each other: excess calls queue at the caller, and almost all of the peak is served.
From many, the server must refuse calls that it has read, on processors that it shares with the load."""
LEAST_SHARE = {FEW: 0.8, MANY: 0.5}
REFUSALS = ("CANCELLED", "UNAVAILABLE", "RESOURCE_EXHAUSTED")
LISTENING = 12
"""Successful answers in a row, each over a new connection: enough that both of two listening processes were reached."""
ANSWERS = frozenset(
    {"OK", "INSUFFICIENT_STOCK", "RESERVATION_EXPIRED", "RESERVATION_RELEASED", "UNAVAILABLE", "CANCELLED"}
)
"""Statuses that a client may receive during a restart: the result, or a retryable error (CANCELLED: see chassis/README.md)."""


def _few(spec: Spec) -> Spec:
    """A small load that reserves, commits and releases beside the burst."""
    return dataclasses.replace(spec, rate=min(spec.rate, 100.0))


def _patient(spec: Spec) -> Spec:
    return dataclasses.replace(spec, impatient=0.0, retried_by_grpc=True)


@fault("overload-five-fold", wave="crowds", healed="when the crowd has gone", load=_few, pause_s=2 * SECONDS)
async def overload(scene: Scene) -> None:
    """Five times the peak of the same minute; excess calls get a clear refusal, commits and releases continue."""
    await _overload(scene, FEW)


@fault("overload-of-many-connections", wave="crowds", healed="when the crowd has gone", load=_few, pause_s=2 * SECONDS)
async def overload_of_many(scene: Scene) -> None:
    """The same burst over more connections than calls may queue."""
    await _overload(scene, MANY)


async def _overload(scene: Scene, connections: int) -> None:
    plenty = tuple(sku for index, sku in enumerate(scene.goods.skus) if index % 4)
    address = scene.cluster.addresses["inventory"]
    peak, over = await surge(Crowd(scene.run, address, plenty, SECONDS, TIMES, connections))
    scene.healed()
    share = over.goodput / peak.goodput
    refused = max(over.latencies.percentile(code, 0.99) for code in REFUSALS)
    scene.told.append(
        f"peak {peak.goodput:,.0f}/s, offered {over.offered:,.0f}/s, goodput {over.goodput:,.0f}/s ({share:.0%}),"
        f" {dict(over.outcomes)}, p99 of refusals {refused:.0f} ms, of acknowledgements"
        f" {over.latencies.percentile('OK', 0.99):.0f} ms"
    )
    scene.expect(share >= LEAST_SHARE[connections], f"goodput fell to {share:.0%} of the peak")
    scene.afterwards.append(lambda ledger: _unharmed(scene, ledger, plenty, [*peak.acknowledged, *over.acknowledged]))


def _unharmed(scene: Scene, ledger: Ledger, plenty: tuple[str, ...], ids: list[str]) -> None:
    """Checks commits and releases beside the burst, and adds the burst's acknowledgements to the ledger."""
    for name in ("commit", "release"):
        count = sum(number for outcome, number in ledger.outcomes.items() if outcome.startswith(f"{name} "))
        well = ledger.outcomes[f"{name} OK"]
        p99 = ledger.latencies.percentile(f"{name} OK", 0.99)
        scene.told.append(f"{well} of {count} tries to {name} went through, p99 {p99:.0f} ms")
        unknown = {each for each in ledger.outcomes if each.startswith(name)} - {f"{name} OK"}
        unknown -= {f"{name} RESERVATION_EXPIRED", f"{name} OVERLOADED", f"{name} RESOURCE_EXHAUSTED"}
        scene.expect(not unknown, f"{name}: {unknown}")
    for id in ids:
        sku = plenty[int(id.rpartition("-")[2]) % len(plenty)]
        ledger.entries.append(Entry(id, ((sku, 1),), "leave", held=True))
    ledger.requests += len(ids)


@fault("rolling-restart", wave="crowds", healed="when the old process has ended", load=_patient)
async def rolling(scene: Scene) -> None:
    """Twice: a second process starts at the same address, the first one gets SIGTERM. No client sees a failure."""
    address = scene.cluster.addresses["inventory"]
    second = await scene.cluster.another("inventory")
    await _met_both(scene, address, "a")
    await scene.inventory.stop()
    await scene.more_answers(scene.settings.rate / 2)
    await scene.inventory.start()
    await _met_both(scene, address, "b")
    await second.stop()
    scene.healed()
    scene.afterwards.append(lambda ledger: _nobody_failed(scene, ledger))


@fault(
    "rolling-restart-of-orders",
    wave="crowds",
    healed="when the old processes have ended",
    load=kills.few,
    shop=True,
)
async def rolling_of_orders(scene: Scene) -> None:
    """The same for order_svc and then the edge, while buyers place whole orders."""
    cluster = scene.cluster
    for service in ("order", "edge"):
        second = await cluster.another(service)
        await _listens(scene, second.log, 1)
        await cluster.services[service].stop()
        await _placed(scene)
        log = cluster.services[service].log
        lives = _lives(log)
        await cluster.services[service].start()
        await _listens(scene, log, lives + 1)
        await second.stop()
        await _placed(scene)
    scene.healed()


async def _listens(scene: Scene, log: Path, lives: int) -> None:
    await scene.comes_true(lambda: _lives(log) >= lives, f"{log.name} logs that it listens")


def _lives(log: Path) -> int:
    """How often a process that writes this log has begun to serve."""
    text = log.read_text()
    return text.count('"server.ready"') + text.count('"edge.listening"')


async def _placed(scene: Scene) -> None:
    if scene.trickle is not None:
        await scene.trickle.placed(8)


async def _met_both(scene: Scene, address: str, word: str) -> None:
    for number in range(LISTENING):
        await acknowledged(address, f"{scene.run}-{word}{number}")


def _nobody_failed(scene: Scene, ledger: Ledger) -> None:
    again = {outcome: count for outcome, count in ledger.outcomes.items() if outcome.partition(" ")[2] not in ANSWERS}
    scene.expect(not again, f"clients received {again}, {dict(ledger.words)}")
    left = [entry for entry in ledger.entries if not entry.held and not entry.refused]
    left += [entry for entry in ledger.entries if entry.settle_asked and not entry.settled and not entry.settle_refused]
    scene.expect(not left, f"{len(left)} clients got no answer, such as {left[:2]}")
    retried = sum(count for outcome, count in ledger.outcomes.items() if outcome.endswith("UNAVAILABLE"))
    scene.told.append(
        f"{retried} of {ledger.requests} requests received UNAVAILABLE after gRPC's own retries: {dict(ledger.words)}"
    )
