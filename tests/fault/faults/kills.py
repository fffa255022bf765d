"""`kill -9` of a service at named points: between gate and journal, in a rebuild, between payment and order."""

from __future__ import annotations

import dataclasses
import functools

from tests.fault.faults.fault import FAULTS, Fault
from tests.fault.journeys import Spec
from tests.fault.scene import Scene

RESTARTED = "at its death: the supervisor restarts it"
AT = {
    "gate-before-journal": "The gate holds the claim, the journal does not have it yet.",
    "journal-before-answer": "The journal has committed, the caller has no answer.",
    "settled-before-give": "The journal has ended reservations, the gate still counts them.",
    "relay-numbered": "Events have positions in the log and are not in the stream.",
    "relay-sent": "Events are in the stream and not marked as sent.",
}
IN_A_REBUILD = {
    "rebuild-announced": "FLUSHALL, then a kill once the new epoch is announced.",
    "rebuild-loaded": "FLUSHALL, then a kill when counters are loaded but reservations are not.",
    "rebuild-before-publish": "FLUSHALL, then a kill before the new epoch is published.",
    "rebuild-published": "FLUSHALL, then a kill as soon as the new epoch is published.",
}
OF_ORDERS = {
    ("order", "order-stored"): "The order is stored, nothing has been claimed for it.",
    ("order", "reserved-before-stored"): "Stock is claimed, the order has not stored it.",
    ("order", "paid-before-stored"): "The payment is authorized, the order has not stored it.",
    ("order", "committed-before-stored"): "The reservation is committed, the order is not confirmed yet.",
    ("promo", "gate-before-journal"): "A use of a code is claimed in the gate, the journal does not have it yet.",
    ("promo", "journal-before-answer"): "A use of a code is in the journal, the order has not stored it.",
    ("edge", "placed-before-answer"): "The order is placed, its buyer has no answer.",
}
SHORT = ("gate-before-journal", "rebuild-before-publish")


def few(spec: Spec) -> Spec:
    """A lighter load on the inventory: the fault is aimed at whole orders."""
    return dataclasses.replace(spec, rate=min(spec.rate, 300.0))


async def at(scene: Scene, point: str, service: str = "inventory") -> None:
    """Kills at a point that the load reaches."""
    await scene.kill_at(service, point)


async def in_a_rebuild(scene: Scene, point: str) -> None:
    """Kills at a point that a flush makes the service reach."""
    await scene.kill_at("inventory", point, lambda: _flush(scene))


def _flush(scene: Scene) -> None:
    scene.valkey("FLUSHALL")


for _point, _what in AT.items():
    _act = functools.partial(at, point=_point)
    FAULTS.append(Fault(f"kill-{_point}", _what, RESTARTED, "kills", _act, short=_point in SHORT))
for _point, _what in IN_A_REBUILD.items():
    _act = functools.partial(in_a_rebuild, point=_point)
    FAULTS.append(Fault(f"kill-{_point}", _what, RESTARTED, "rebuild", _act, short=_point in SHORT, hides=True))
for (_service, _point), _what in OF_ORDERS.items():
    _act = functools.partial(at, point=_point, service=_service)
    _name = f"kill-{_service}-{_point}"
    FAULTS.append(Fault(_name, _what, RESTARTED, "orders", _act, few, shop=True))
