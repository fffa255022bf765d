"""`kill -9` of the inventory service at named points: between gate and journal, journal and answer, in a rebuild."""

from __future__ import annotations

import functools

from tests.fault.faults.fault import FAULTS, Fault
from tests.fault.scene import Scene

RESTARTED = "at its death: whoever supervises it starts it again"
AT = {
    "gate-before-journal": "The gate has taken, the journal does not know.",
    "journal-before-answer": "The journal has committed, the caller does not know.",
    "settled-before-give": "The journal has ended reservations, the gate still counts them.",
    "relay-before-mark": "Events are in the stream and not marked as published.",
}
IN_A_REBUILD = {
    "rebuild-announced": "FLUSHALL, and death once the new epoch is announced.",
    "rebuild-loaded": "FLUSHALL, and death when counters are loaded and reservations are not.",
    "rebuild-before-publish": "FLUSHALL, and death before the new epoch is published.",
    "rebuild-published": "FLUSHALL, and death as soon as the new epoch is published.",
}
SHORT = ("gate-before-journal", "settled-before-give", "rebuild-before-publish")


async def at(scene: Scene, point: str) -> None:
    """The load brings it to the point."""
    await scene.kill_at("inventory", point)


async def in_a_rebuild(scene: Scene, point: str) -> None:
    """A flush brings it to the point."""
    await scene.kill_at("inventory", point, lambda: scene.valkey("FLUSHALL"))


for _point, _what in AT.items():
    _act = functools.partial(at, point=_point)
    FAULTS.append(Fault(f"kill-{_point}", _what, RESTARTED, "kills", _act, short=_point in SHORT))
for _point, _what in IN_A_REBUILD.items():
    _act = functools.partial(in_a_rebuild, point=_point)
    FAULTS.append(Fault(f"kill-{_point}", _what, RESTARTED, "rebuild", _act, short=_point in SHORT))
