"""`kill -9` of a service at named points: between gate and journal, in a rebuild, between payment and order."""

from __future__ import annotations

import dataclasses
import functools

from tests.fault.faults.fault import FAULTS, Fault
from tests.fault.journeys import Spec
from tests.fault.scene import Scene

RESTARTED = "at its death: whoever supervises it starts it again"
AT = {
    "gate-before-journal": "The gate has taken, the journal does not know.",
    "journal-before-answer": "The journal has committed, the caller does not know.",
    "settled-before-give": "The journal has ended reservations, the gate still counts them.",
    "relay-numbered": "Events have their places in the log and are not in the stream.",
    "relay-sent": "Events are in the stream and not noted as sent.",
}
IN_A_REBUILD = {
    "rebuild-announced": "FLUSHALL, and death once the new epoch is announced.",
    "rebuild-loaded": "FLUSHALL, and death when counters are loaded and reservations are not.",
    "rebuild-before-publish": "FLUSHALL, and death before the new epoch is published.",
    "rebuild-published": "FLUSHALL, and death as soon as the new epoch is published.",
}
OF_ORDERS = {
    ("order", "order-stored"): "The order is stored, nothing has been claimed for it.",
    ("order", "reserved-before-stored"): "Stock is claimed, the order does not know.",
    ("order", "paid-before-stored"): "The payment is authorized, the order does not know.",
    ("order", "committed-before-stored"): "The reservation is committed, the order is not confirmed yet.",
    ("promo", "gate-before-journal"): "A use of a code is taken in the gate, the journal does not know.",
    ("promo", "journal-before-answer"): "A use of a code is in the journal, the order does not know.",
    ("edge", "placed-before-answer"): "The order is placed, its buyer does not know.",
}
SHORT = ("gate-before-journal", "rebuild-before-publish")


def few(spec: Spec) -> Spec:
    """A lighter load on the inventory: whole orders are what is hurt."""
    return dataclasses.replace(spec, rate=min(spec.rate, 300.0))


async def at(scene: Scene, point: str, service: str = "inventory") -> None:
    """The load brings it to the point."""
    await scene.kill_at(service, point)


async def in_a_rebuild(scene: Scene, point: str) -> None:
    """A flush brings it to the point."""
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
