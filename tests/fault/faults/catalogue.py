"""The list of all faults: imported in the order in which they run, chosen by name, grouped by wave."""

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
    """The faults with these names or in waves with these names; all if none is given. ConfigError."""
    known = {fault.name for fault in FAULTS} | {fault.wave for fault in FAULTS}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ConfigError(f"no fault is named {', '.join(unknown)}; valid names are {', '.join(sorted(known))}")
    wanted = [fault for fault in FAULTS if not names or fault.name in names or fault.wave in names]
    return sorted(wanted, key=lambda fault: WAVES.index(fault.wave))


def waves(faults: Sequence[Fault]) -> list[tuple[str, list[Fault]]]:
    """Groups neighbouring faults of the same wave."""
    return [(name, list(group)) for name, group in itertools.groupby(faults, lambda fault: fault.wave)]


def short() -> list[Fault]:
    """The short form. Faults that rebuild the gate run first: a rebuild would hide what other faults leave behind."""
    return sorted((fault for fault in chosen(()) if fault.short), key=lambda fault: not fault.hides)
