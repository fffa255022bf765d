"""Brings all faults together: imported in the order in which they run, chosen by name, grouped by wave."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from tests.fault.config import ConfigError
from tests.fault.faults import clocks, crowds, kills, network, postgres, valkey
from tests.fault.faults.fault import FAULTS, Fault

MODULES = (kills, valkey, postgres, network, clocks, crowds)
"""Importing them fills the list."""
WAVES = (
    "kills",
    "orders",
    "rebuild",
    "valkey",
    "postgres",
    "time",
    "clock-ahead",
    "clock-behind",
    "stopped",
    "cut",
    "forgotten",
    "crowds",
)


def chosen(names: Sequence[str]) -> list[Fault]:
    """The faults of these names, or of the waves of these names; all when none is given. ConfigError."""
    known = {fault.name for fault in FAULTS} | {fault.wave for fault in FAULTS}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ConfigError(f"no fault is named {', '.join(unknown)}; there are {', '.join(sorted(known))}")
    wanted = [fault for fault in FAULTS if not names or fault.name in names or fault.wave in names]
    return sorted(wanted, key=lambda fault: WAVES.index(fault.wave))


def waves(faults: Sequence[Fault]) -> list[tuple[str, list[Fault]]]:
    """Neighbours of one wave together."""
    return [(name, list(group)) for name, group in itertools.groupby(faults, lambda fault: fault.wave)]


def short() -> list[Fault]:
    """The short form. What rebuilds the gate comes first: a rebuild would hide what others leave behind."""
    return sorted((fault for fault in chosen(()) if fault.short), key=lambda fault: not fault.hides)
