"""The definition of a fault, and the list of all faults in the order in which they run."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

from tests.fault.journeys import Spec
from tests.fault.scene import Scene

Act: TypeAlias = Callable[[Scene], Awaitable[None]]


def unchanged(spec: Spec) -> Spec:
    """Returns the usual load."""
    return spec


@dataclass(frozen=True, slots=True)
class Fault:
    """`act` runs in the middle of the load and returns when the fault is over."""

    name: str
    what: str
    healed: str
    """When the fault counts as healed: recovery time is measured from then on."""
    wave: str
    """Faults of one wave share a cluster and the final wait for their leftovers."""
    act: Act
    load: Callable[[Spec], Spec] = unchanged
    shop: bool = False
    """Whole orders are placed as well, and checked."""
    short: bool = False
    """Part of the short form, which the tests run."""
    hides: bool = False
    """Its rebuild would hide what earlier faults left in the gate, so it waits until that is gone."""
    pause_s: float = 0.0
    """How long the long form takes beyond the usual."""


FAULTS: list[Fault] = []


def fault(
    name: str,
    *,
    wave: str,
    healed: str,
    load: Callable[[Spec], Spec] = unchanged,
    shop: bool = False,
    short: bool = False,
    hides: bool = False,
    pause_s: float = 0.0,
) -> Callable[[Act], Act]:
    """Registers a function as a fault; its docstring describes the fault."""

    def enter(act: Act) -> Act:
        FAULTS.append(Fault(name, inspect.getdoc(act) or "", healed, wave, act, load, shop, short, hides, pause_s))
        return act

    return enter
