"""Named points between two steps of the product, where a test may end or stop the process.

The product contains no hooks: `install` wraps methods of the imported service, only in processes started by
`python -m tests.fault.process`. A file arms a point; the process that removes the file fires it, so that it fires once.
"""

from __future__ import annotations

import functools
import importlib
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

When = Literal["before", "after"]


@dataclass(frozen=True, slots=True)
class Point:
    """Before or after a method, named `module:Class.method`, in every service that has it."""

    name: str
    target: str
    when: When
    services: tuple[str, ...]


GATED = ("inventory", "promo")
RELAYING = ("inventory", "order", "promo")
POINTS = (
    Point("gate-before-journal", "chassis.gate.journal:Journal.reserve", "before", GATED),
    Point("journal-before-answer", "chassis.gate.journal:Journal.reserve", "after", GATED),
    Point("settled-before-give", "chassis.gate.journal:Journal.settle", "after", GATED),
    Point("rebuild-announced", "chassis.gate.gate:Gate.announce", "after", GATED),
    Point("rebuild-loaded", "chassis.gate.gate:Gate.load_counters", "after", GATED),
    Point("rebuild-before-publish", "chassis.gate.gate:Gate.publish", "before", GATED),
    Point("rebuild-published", "chassis.gate.gate:Gate.publish", "after", GATED),
    Point("relay-numbered", "chassis.events.outbox:Log.number", "after", RELAYING),
    Point("relay-sent", "chassis.events.brokers.redis_streams:StreamPublisher.publish", "after", RELAYING),
    Point("order-stored", "order_svc.store.orders:Orders.insert", "after", ("order",)),
    Point("reserved-before-stored", "order_svc.clients.inventory:Inventory.reserve", "after", ("order",)),
    Point("paid-before-stored", "order_svc.clients.sandbox:Sandbox.authorize", "after", ("order",)),
    Point("committed-before-stored", "order_svc.clients.inventory:Inventory.commit", "after", ("order",)),
    Point("placed-before-answer", "edge.call:Call.rpc", "after", ("edge",)),
)


def install(service: str, armed: Path) -> None:
    """Wraps the points of this service; AttributeError if the product no longer has one of them."""
    for point in POINTS:
        if service in point.services:
            module, _, path = point.target.partition(":")
            owner, _, method = path.rpartition(".")
            target = getattr(importlib.import_module(module), owner)
            pass_by = functools.partial(_pass_by, armed / service / point.name)
            setattr(target, method, _wrapped(getattr(target, method), point.when, pass_by))


def arm(armed: Path, service: str, name: str, number: signal.Signals) -> Path:
    """The next process of the service that reaches the point gets the signal. Returns the file, which is gone after that."""
    if not any(point.name == name and service in point.services for point in POINTS):
        raise KeyError(f"{service} has no point named {name}")
    path = armed / service / name
    path.parent.mkdir(parents=True, exist_ok=True)
    written = path.with_suffix(".new")
    written.write_text(str(int(number)))
    written.rename(path)
    return path


def _pass_by(path: Path) -> None:
    if not path.exists():
        return
    try:
        number = int(path.read_text())
        path.unlink()
    except FileNotFoundError:  # another process was first
        return
    os.kill(os.getpid(), number)


def _wrapped(method: Callable[..., Any], when: When, pass_by: Callable[[], None]) -> Callable[..., Any]:
    @functools.wraps(method)
    async def passing(*arguments: Any, **named: Any) -> Any:
        if when == "before":
            pass_by()
        result = await method(*arguments, **named)
        if when == "after":
            pass_by()
        return result

    return passing
